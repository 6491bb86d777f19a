"""A process that nobody knows, and messages for it."""

from __future__ import annotations

from seriatim.formats.ids import decode_id
from tests.support.builders import message_item
from tests.support.http_node import HttpNode, HttpReply

ID = "A" * 43


async def told(asked: HttpNode, target: str, **headers: str) -> HttpReply:
    """Return the reply to a message for a process that nobody knows."""
    raw = message_item(decode_id(ID), "hello").raw
    return await asked.post(target, raw, content_type="application/ans104", **headers)
