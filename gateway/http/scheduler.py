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
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import signed_of
from seriatim.formats.httpsig.signature import DEVICE as HTTPSIG
from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.limits import SCHEDULE_PAGE_MAX, STATUS_PROCESSES_MAX
from seriatim.formats.schedule.http_assignment import with_body
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.submission import (
    Submission,
    submit_item,
    submit_tabm,
    submit_unsigned,
)
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import SignatureType
from seriatim.formats.tabm.cbor import decode_cbor
from seriatim.formats.wire import aos2, schedule
from seriatim.formats.wire.receipt import receipt_to_plain
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.message import read_message, scheduled_part, send_message
from seriatim.gateway.http.paging import join_page, parse_integer
from seriatim.gateway.http.reply import JSON, reply_json, reply_text
from seriatim.gateway.http.stream import send_stream

AOS2: Final = "application/aos-2"
_HEADER_KEYS: Final = ("target", "process-id", "from", "to", "accept")
_NO_STORE: Final = {"cache-control": "no-store"}
_MULTIPART: Final = "multipart/form-data"
_OPEN_TYPES: Final = frozenset({"", "application/x-www-form-urlencoded", _MULTIPART})
# What is wrong with a message that was signed by other rules than those that are read here.
_UNREAD: Final = frozenset(
    {"bad_commitments", "bad_signature_input", "bad_structured_field", "not_placeable"}
)
_ITEM_STARTS: Final = frozenset(kind.to_bytes(2, "little") for kind in SignatureType)
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
        body = await read_body(request)
        submission = self._read(request, body, process or _target(_all_keys(request, keys)))
        receipt = await self._node.place(submission, variant_default=Variant.HYPERBEAM)
        if submission.kind is Kind.TABM and receipt.assignment and JSON not in _accepted(request):
            assignment = with_body(decode_cbor(receipt.assignment), decode_cbor(submission.message))
            return send_message(assignment)
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

    def _read(self, request: web.BaseRequest, body: bytes, process: bytes | None) -> Submission:
        kind = _content_kind(request, body)
        if kind in _ITEM_TYPES:
            return submit_item(DataItem.decode(body), process=process)
        if kind == HTTPSIG:
            return self._read_http(request, body, process)
        codec: Codec = self._codecs.get(kind)
        message = codec.decode(body)
        if message.commitments:
            return submit_item(from_message(message), process=process)
        # Before anything else that may be wrong with it: nothing of it helps.
        self._node.check_takes_unsigned()
        return submit_unsigned(message, process=process)

    def _read_http(
        self, request: web.BaseRequest, body: bytes, process: bytes | None
    ) -> Submission:
        """Return the submission that a request makes which is a message itself.

        Raises:
            UnsupportedSchemeError: it is signed, and not in a form that is read here; clients that
                can sign in another way do so when they hear this.
            FormatError, CommitmentError: as for `submit_tabm` and `canonical`.
        """
        try:
            message = canonical(scheduled_part(read_message(request, body)))
            if not signed_of(message):
                self._node.check_takes_unsigned()
            return submit_tabm(message, process=process)
        except MalformedError as error:
            if "signature-input" in request.headers and error.code in _UNREAD:
                raise UnsupportedSchemeError(
                    f"the HTTP signature is not in a form that is read here ({error}); sign the "
                    "message as an ANS-104 item"
                ) from error
            raise

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


def _accepted(request: web.BaseRequest) -> str:
    return request.headers.get("accept-codec") or request.headers.get("accept") or ""


def _content_kind(request: web.BaseRequest, body: bytes) -> str:
    """Return the codec that a request names, or that it shows where it names none.

    ``curl --data`` says that everything is a form, so a form is looked at too. What is neither
    JSON nor begins like a data item is the request itself: an HTTP message, signed or not.
    """
    named = request.headers.get("codec-device") or ""
    if not named and "signature-input" not in request.headers:
        named = request.headers.get("content-type") or ""
    kind = named.partition(";")[0].strip().lower()
    if kind not in _OPEN_TYPES:
        return kind
    if "signature-input" in request.headers or kind == _MULTIPART:
        return HTTPSIG
    if body.lstrip()[:1] == b"{":
        return JSON
    return DEVICE if body[:2] in _ITEM_STARTS else HTTPSIG
