"""The legacy Scheduler Unit's API, as messenger and compute units use it.

Source of every shape: ``docs/protocol/legacy.md``.
"""

from __future__ import annotations

from typing import Any

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.conform.claim import (
    expect,
    expect_equal,
    member,
    read_integer,
    read_json,
)
from seriatim.gateway.conform.exchange import Reply, Request
from seriatim.gateway.conform.face import Entry, Face, Sent
from seriatim.gateway.conform.kind import Kind

_WHOLE = 1_000


class Page:
    """One page of a process's list.

    Attributes:
        entries: its edges.
        has_next: whether it says that another page follows.
    """

    def __init__(self, plain: dict[str, Any]) -> None:
        """Read *plain*; raise `ClaimBrokenError` where it is no page."""
        self.has_next = member(member(plain, "page_info", dict), "has_next_page", bool)
        self.entries = [_read_edge(edge) for edge in member(plain, "edges", list)]


class LegacyFace(Face):
    """The API behind ``GET /``."""

    kind = Kind.LEGACY
    variant = Variant.LEGACY

    def posting(self, raw: bytes, process: str) -> Request:
        """Return ``POST /``: the item itself says where it goes."""
        del process
        return Request("POST", "/", {"content-type": "application/octet-stream"}, raw)

    def accepted(self, item: DataItem, reply: Reply) -> Sent:
        """Read ``{"id", "timestamp"}``; this API tells no slot."""
        plain = read_json(reply, dict)
        expect_equal("id", member(plain, "id", str), encode_id(item.id))
        member(plain, "timestamp", int)
        return Sent(item, None)

    def entries(self, process: str) -> list[Entry]:
        """Read one page that is long enough for all."""
        return self.page(process, f"&limit={_WHOLE}").entries

    def page(self, process: str, query: str = "") -> Page:
        """Return the page of *process* for *query*, which starts with ``&``."""
        reply = self.get(f"/{process}?process-id={process}{query}")
        return Page(read_json(reply, dict))

    def found(self, process: str, sent: Sent) -> Entry:
        """Read the node of the message's id."""
        return read_node(read_json(self.get(f"/{sent.id}?process-id={process}"), dict))

    def head(self, process: str) -> int:
        """Read ``/latest``."""
        return read_node(read_json(self.get(f"/{process}/latest"), dict)).slot


def read_node(node: dict[str, Any], cursor: object = None) -> Entry:
    """Return what *node*, ``{"message", "assignment"}``, says.

    Raises:
        ClaimBrokenError: it is no node.
    """
    assignment = member(node, "assignment", dict)
    tags = read_tags(assignment, "tags")
    message_id = tags.get("Message") or member(member(node, "message", dict), "id", str)
    expect("message" in node, "a node without a message, which is null where it has none")
    return Entry(
        slot=read_integer("the tag Nonce", tags.get("Nonce")),
        message_id=message_id,
        assignment_id=member(assignment, "id", str),
        timestamp_ms=read_integer("the tag Timestamp", tags.get("Timestamp")),
        hash_chain=tags.get("Hash-Chain", ""),
        cursor=cursor,
        plain=node,
    )


def read_tags(plain: dict[str, Any], name: str) -> dict[str, str]:
    """Return the tags of the list *name* in *plain*; of one name the first.

    Raises:
        ClaimBrokenError: they are no list of tags.
    """
    tags: dict[str, str] = {}
    for tag in member(plain, name, list):
        tags.setdefault(member(tag, "name", str), member(tag, "value", str))
    return tags


def _read_edge(edge: Any) -> Entry:
    node, cursor = member(edge, "node", dict), member(edge, "cursor", str)
    return read_node(node, cursor)
