"""HyperBEAM's scheduler keys, in the part that its nodes and ours share.

Receipts are read from headers and schedules as ``application/aos-2``, as units do it: both are the
same whatever codec a node replies in. Source of every shape: ``docs/protocol/hyperbeam.md``.
"""

from __future__ import annotations

from typing import Any, Final

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.httpsig.commitments import to_http
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.conform.claim import (
    expect_equal,
    expect_status,
    member,
    read_integer,
    read_json,
)
from seriatim.gateway.conform.faces.face import Entry, Face, Page, Sent, read_page, read_tags
from seriatim.gateway.conform.kind import Kind
from seriatim.gateway.conform.talk.exchange import Reply, Request
from seriatim.gateway.conform.talk.keys import Signed

AOS2: Final = "application/aos-2"

_SCHEDULE: Final = "/~scheduler@1.0/schedule"


class HyperbeamFace(Face):
    """The API behind ``~scheduler@1.0``."""

    kind = Kind.HYPERBEAM
    variant = Variant.HYPERBEAM

    spawn_tags = (
        ("Device", "process@1.0"),
        ("Scheduler-Device", "scheduler@1.0"),
        ("Execution-Device", "genesis-wasm@1.0"),
    )

    def posting(self, message: Signed) -> Request:
        """Return the request for the scheduler device; the message says where it goes."""
        if isinstance(message.content, DataItem):
            return self.posting_item(message.content.raw)
        placed = to_http({"body": message.content})
        headers = {name: value.decode("latin-1") for name, value in placed.headers.items()}
        return Request("POST", _SCHEDULE, headers, placed.body)

    def posting_item(self, raw: bytes) -> Request:
        """Return the request of messenger units and aoconnect."""
        headers = {"content-type": "application/ans104", "codec-device": "ans104@1.0"}
        return Request("POST", _SCHEDULE, headers, raw)

    def accepted(self, message: Signed, reply: Reply) -> Sent:
        """Read the headers ``slot``, ``timestamp`` and ``process``."""
        expect_status(reply, 200)
        expect_equal("the header process", reply.headers.get("process"), message.process)
        read_integer("the header timestamp", reply.headers.get("timestamp"))
        return Sent(message, read_integer("the header slot", reply.headers.get("slot")))

    def entries(self, process: str) -> list[Entry]:
        """Read from slot 0 to wherever it ends."""
        return self.page(process, "from=0").entries

    def page(self, process: str, query: str) -> Page:
        """Read ``GET /~scheduler@1.0/schedule``."""
        return self.page_at(f"{_SCHEDULE}?target={process}&{query}")

    def page_at(self, target: str) -> Page:
        """Read the page at *target*, a path with a query, in the shape of compute units."""
        reply = self.get(target, accept=AOS2)
        return read_page(read_json(reply, dict), _read_edge)

    def found(self, process: str, sent: Sent) -> Entry:
        """Read the one slot that was told."""
        found = self.page(process, f"from={sent.slot}&to={sent.slot}").entries
        expect_equal("how many slots are on a page of one", len(found), 1)
        return found[0]

    def head(self, process: str) -> int:
        """Read ``slot/current``."""
        reply = self.get(f"/~scheduler@1.0/slot/current?target={process}")
        expect_status(reply, 200)
        return read_integer("the body", reply.body.decode("utf-8", "replace"))


def _read_edge(edge: Any) -> Entry:
    node, cursor = member(edge, "node", dict), member(edge, "cursor", int)
    assignment, message = member(node, "assignment", dict), member(node, "message", dict)
    # Names are in header case where the assignment's own are all in lower case.
    tags = {name.lower(): value for name, value in read_tags(assignment, "Tags").items()}
    return Entry(
        slot=read_integer("the tag Slot", tags.get("slot")),
        message_id=member(message, "Id", str),
        assignment_id=member(assignment, "Id", str),
        timestamp_ms=read_integer("the tag Timestamp", tags.get("timestamp")),
        hash_chain=tags.get("hash-chain", ""),
        cursor=cursor,
        plain=node,
    )
