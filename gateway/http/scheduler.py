"""HyperBEAM's ``~scheduler@1.0`` keys over one node: schedule, slot, status, push.

Answers in JSON and ``application/aos-2``; see ``docs/protocol/hyperbeam.md`` for what is read
and written today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.ans104.codec import DEVICE, Ans104Codec, from_message
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs import Codec, CodecRegistry
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import MalformedError, NotFoundError, UnsupportedSchemeError
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.limits import SCHEDULE_PAGE_MAX, STATUS_PROCESSES_MAX
from seriatim.formats.schedule.submission import submit_item
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire import aos2, schedule
from seriatim.formats.wire.receipt import Receipt, receipt_to_plain
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.paging import join_page, parse_integer
from seriatim.gateway.http.reply import JSON, reply_json, reply_text
from seriatim.gateway.http.stream import send_stream

AOS2: Final = "application/aos-2"
_HEADER_KEYS: Final = ("target", "process-id", "from", "to", "accept")
_NO_STORE: Final = {"cache-control": "no-store"}
_ITEM_TYPES: Final = frozenset({"application/ans104", "application/octet-stream", DEVICE})


class SchedulerApi:
    """Handlers of the scheduler device, and of the process device as far as it forwards."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._codecs = CodecRegistry((Ans104Codec(), JsonCodec(), CborCodec()))

    async def post_schedule(
        self, request: web.BaseRequest, keys: Mapping[str, str], process: bytes | None
    ) -> web.StreamResponse:
        """``POST …/schedule`` and ``POST …/push``: give the message in the body its slot."""
        receipt = await self._place(request, process or _target(_all_keys(request, keys)))
        headers = {
            "slot": str(receipt.slot),
            "timestamp": str(receipt.timestamp_ms),
            "process": encode_id(receipt.process),
        }
        return reply_json(receipt_to_plain(receipt), headers=headers)

    async def get_schedule(
        self, request: web.BaseRequest, keys: Mapping[str, str], process: bytes | None
    ) -> web.StreamResponse:
        """``GET …/schedule``: the assignments from ``from`` to ``to``, both inclusive."""
        keys = _all_keys(request, keys)
        known, head = self._known(keys, process)
        first, last, continues = schedule_range(keys, head=head)
        accept = keys.get("accept") or ""
        block = self._node.block
        if AOS2 in accept.lower():
            opening = aos2.page_open()
            closing = aos2.page_close(known, block, has_next_page=continues)
            shape, encode = AOS2, aos2.encode_edge
        else:
            opening = schedule.page_open()
            closing = schedule.page_close(known, block, continues=continues)
            shape, encode = JSON, schedule.encode_entry
        chunks = self._node.rendered(known, first, last, shape=shape, encode=encode)
        # HyperBEAM sends aos-2 as JSON too: its readers look at the content type.
        return await send_stream(request, JSON, join_page(opening, chunks, closing))

    async def get_slot(
        self, request: web.BaseRequest, keys: Mapping[str, str], process: bytes | None
    ) -> web.StreamResponse:
        """``…/slot``: where the process ends, and the newest known block."""
        known, head = self._known(_all_keys(request, keys), process)
        block = self._node.block
        plain = {
            "block-hash": b64url(block.hash),
            "block-height": block.height,
            "current": head,
            "process": encode_id(known),
            "timestamp": block.timestamp,
            "wallet-address": self._address(),
        }
        headers = {name: str(value) for name, value in plain.items()} | _NO_STORE
        return reply_json(orjson.dumps(plain), headers=headers)

    async def get_slot_current(
        self, request: web.BaseRequest, keys: Mapping[str, str], process: bytes | None
    ) -> web.StreamResponse:
        """``…/slot/current``: the last slot, as bare text: clients paste it into a path."""
        _, head = self._known(_all_keys(request, keys), process)
        headers = {"ao-result": "body", "ao-types": 'body="integer"'} | _NO_STORE
        return reply_text(str(head), headers=headers)

    async def get_status(
        self, request: web.BaseRequest, keys: Mapping[str, str], process: bytes | None
    ) -> web.StreamResponse:
        """``…/status``: the address, how many processes have a server now, and some of them."""
        del request, keys, process
        live = self._node.live
        shown = [encode_id(each) for each in live[:STATUS_PROCESSES_MAX]]
        plain = {"address": self._address(), "processes": shown, "live": len(live)}
        return reply_json(plain, headers=_NO_STORE)

    async def _place(self, request: web.BaseRequest, process: bytes | None) -> Receipt:
        body = await read_body(request)
        kind = _content_kind(request, body)
        if kind in _ITEM_TYPES:
            return await self._place_item(DataItem.decode(body), process)
        codec: Codec = self._codecs.get(kind)
        message = codec.decode(body)
        if message.commitments:
            return await self._place_item(from_message(message), process)
        return await self._node.schedule_unsigned(
            message, process=process, variant_default=Variant.HYPERBEAM
        )

    async def _place_item(self, item: DataItem, process: bytes | None) -> Receipt:
        submission = submit_item(item, process=process)
        return await self._node.schedule_item(submission, variant_default=Variant.HYPERBEAM)

    def _known(self, keys: Mapping[str, str], process: bytes | None) -> tuple[bytes, int]:
        """Return the process that a request is about, and its last slot."""
        known = process or _target(keys)
        if known is None:
            raise MalformedError("name the process: target=<process id>", code="no_target")
        head = self._node.head(known)
        if head is None:
            raise NotFoundError(f"process {encode_id(known)} is not known here; spawn it first")
        return known, head.slot

    def _address(self) -> str:
        return encode_id(self._node.address) if self._node.wallet else ""


def schedule_range(keys: Mapping[str, str], *, head: int) -> tuple[int, int, bool]:
    """Return ``(first, last, continues)`` for a scheduler page; both slots are inclusive.

    Negative bounds count as 0, bounds past the end as the end, and a page holds at most
    ``SCHEDULE_PAGE_MAX`` assignments. ``continues`` tells whether slots that were asked for are
    left; HyperBEAM's own is arithmetic only, and true for slots that do not exist.

    Raises:
        MalformedError: a bound is no integer; code ``bad_query``.
    """
    first = max(parse_integer("from", keys.get("from") or "0"), 0)
    wanted = max(parse_integer("to", keys.get("to") or str(head)), 0)
    last = min(wanted, head)
    page_last = min(last, first + SCHEDULE_PAGE_MAX - 1)
    return first, page_last, page_last < last


def _all_keys(request: web.BaseRequest, keys: Mapping[str, str]) -> Mapping[str, str]:
    """Return *keys*, and those that the request says in its headers only."""
    said = {name: request.headers[name] for name in _HEADER_KEYS if name in request.headers}
    return {**said, **keys}


def _target(keys: Mapping[str, str]) -> bytes | None:
    text = keys.get("target") or keys.get("process-id")
    return decode_id(text.partition("?")[0]) if text else None


def _content_kind(request: web.BaseRequest, body: bytes) -> str:
    """Return the codec that a request names, or that its body shows where it names none.

    ``curl --data`` says that everything is a form, so a form is looked at too.

    Raises:
        UnsupportedSchemeError: the request itself is signed, not an item in its body.
    """
    if "signature-input" in request.headers and "codec-device" not in request.headers:
        raise UnsupportedSchemeError(
            "HTTP message signatures are not read here; sign the message as an ANS-104 item"
        )
    named = request.headers.get("codec-device") or request.headers.get("content-type") or ""
    kind = named.partition(";")[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded"):
        return kind
    return JSON if body.lstrip()[:1] == b"{" else DEVICE
