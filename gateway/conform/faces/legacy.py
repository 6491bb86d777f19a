"""The legacy API, as messenger and compute units use it.

Source of every shape: ``docs/protocol/legacy.md``.
"""

from __future__ import annotations

from typing import Any

from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.conform.claim import (
    expect_equal,
    member,
    read_integer,
    read_json,
)
from seriatim.gateway.conform.faces.face import Entry, Face, Page, Sent, read_page, read_tags
from seriatim.gateway.conform.kind import Kind
from seriatim.gateway.conform.talk.exchange import Reply, Request
from seriatim.gateway.conform.talk.keys import Signed

_WHOLE = 1_000


class LegacyFace(Face):
    """The API behind ``GET /``."""

    kind = Kind.LEGACY
    variant = Variant.LEGACY

    def posting(self, message: Signed) -> Request:
        """Return ``POST /``: the item itself says where it goes."""
        return self.posting_item(message.item.raw)

    def posting_item(self, raw: bytes) -> Request:
        """Return ``POST /``."""
        return Request("POST", "/", {"content-type": "application/octet-stream"}, raw)

    def accepted(self, message: Signed, reply: Reply) -> Sent:
        """Read ``{"id", "timestamp"}``; this API tells no slot."""
        plain = read_json(reply, dict)
        expect_equal("id", member(plain, "id", str), message.id)
        member(plain, "timestamp", int)
        return Sent(message, None)

    def entries(self, process: str) -> list[Entry]:
        """Read one page that is long enough for all."""
        return self.page(process, f"limit={_WHOLE}").entries

    def page(self, process: str, query: str) -> Page:
        """Read ``GET /{process}``."""
        reply = self.get(f"/{process}?process-id={process}&{query}")
        return read_page(read_json(reply, dict), _read_edge)

    def found(self, process: str, sent: Sent) -> Entry:
        """Read the node of the message's id."""
        return read_node(read_json(self.get(f"/{sent.id}?process-id={process}"), dict))

    def head(self, process: str) -> int:
        """Read ``/latest``."""
        return read_node(read_json(self.get(f"/{process}/latest"), dict)).slot


def read_node(node: dict[str, Any], cursor: object = None) -> Entry:
    """Return what *node*, ``{"message", "assignment"}``, says; the kit sends no legacy assigns.

    Raises:
        ClaimBrokenError: it is no node.
    """
    assignment = member(node, "assignment", dict)
    tags = read_tags(assignment, "tags")
    message_id = member(member(node, "message", dict), "id", str)
    # The process's own assignment has no such tag.
    expect_equal("the tag Message", tags.get("Message", message_id), message_id)
    return Entry(
        slot=read_integer("the tag Nonce", tags.get("Nonce")),
        message_id=message_id,
        assignment_id=member(assignment, "id", str),
        timestamp_ms=read_integer("the tag Timestamp", tags.get("Timestamp")),
        hash_chain=tags.get("Hash-Chain", ""),
        cursor=cursor,
        plain=node,
    )


def _read_edge(edge: Any) -> Entry:
    node, cursor = member(edge, "node", dict), member(edge, "cursor", str)
    return read_node(node, cursor)
