"""From a request to a submission: the message that it carries in any codec, or that it is."""

from __future__ import annotations

import asyncio
from typing import Final

from seriatim.formats.ans104.codec import DEVICE as ANS104
from seriatim.formats.ans104.codec import from_message
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs import CodecRegistry
from seriatim.formats.errors import MalformedError, UnsupportedSchemeError
from seriatim.formats.httpsig.canonical import keep_received
from seriatim.formats.httpsig.commitments import Fields
from seriatim.formats.httpsig.signature import DEVICE as HTTPSIG
from seriatim.formats.limits import OFF_LOOP_MIN_BYTES
from seriatim.formats.schedule.submission import (
    Submission,
    submit_item,
    submit_tabm,
    submit_unsigned,
)
from seriatim.formats.signing.scheme import SignatureType
from seriatim.formats.tabm.ans104.items import to_item
from seriatim.formats.tabm.ans104.proof import is_item
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.hyperbeam.device import Call
from seriatim.gateway.http.hyperbeam.message import read_message, scheduled_part
from seriatim.gateway.http.reply import JSON, MULTIPART

_OPEN_TYPES: Final = frozenset({"", "application/x-www-form-urlencoded", MULTIPART})
# What is wrong with a message that was signed by other rules than those that are read here.
_UNREAD: Final = frozenset(
    {"bad_commitments", "bad_signature_input", "bad_structured_field", "not_placeable"}
)
_ITEM_STARTS: Final = frozenset(kind.to_bytes(2, "little") for kind in SignatureType)
_ITEM_TYPES: Final = frozenset({"application/ans104", "application/octet-stream", ANS104})


class MessageReader:
    """Reads what requests submit."""

    def __init__(self, codecs: CodecRegistry) -> None:
        """Read data items, HTTP messages, and what *codecs* read."""
        self._codecs = codecs

    async def read(self, call: Call, process: bytes | None) -> Submission:
        """Return what the request of *call* submits, to *process* where it names no other place.

        Raises:
            UnsupportedError: no such codec.
            UnsupportedSchemeError: it is signed, and not in a form that is read here; clients
                that can sign in another way do so when they hear this.
            UnsignedError: nobody signed it, and the node takes signed messages only.
            FormatError, CommitmentError: as for `submit_item`, `submit_tabm` and `keep`.
        """
        body = await read_body(call.request)
        kind = _content_kind(call, body)
        if kind in _ITEM_TYPES:
            return submit_item(DataItem.decode(body), process=process)
        if kind == HTTPSIG:
            if len(body) > OFF_LOOP_MIN_BYTES:
                # Placing it takes its hash several times: everybody else gets a turn meanwhile.
                return await asyncio.to_thread(_read_http, call, body, process)
            return _read_http(call, body, process)
        message = self._codecs.get(kind).decode(body)
        if message.commitments:
            return submit_item(from_message(message), process=process)
        # Before anything else that may be wrong with it: nothing of it helps.
        call.node.check_takes_unsigned()
        return submit_unsigned(message, process=process)

    async def read_message(self, call: Call) -> Fields:
        """Return the HTTP message that the request of *call* carries, or is.

        Raises:
            FormatError: it cannot be read.
        """
        body = await read_body(call.request)
        return scheduled_part(read_message(call.request, body)).tabm


def _read_http(call: Call, body: bytes, process: bytes | None) -> Submission:
    try:
        scheduled = scheduled_part(read_message(call.request, body))
        if not scheduled.signatures and is_item(scheduled.fields):
            return submit_item(to_item(scheduled.fields), process=process)
        kept = keep_received(scheduled)
        if kept.signature is None:
            call.node.check_takes_unsigned()
        return submit_tabm(kept.tabm, process=process)
    except MalformedError as error:
        if "signature-input" in call.request.headers and error.code in _UNREAD:
            raise UnsupportedSchemeError(
                f"the HTTP signature is not in a form that is read here ({error}); sign the "
                "message as an ANS-104 item"
            ) from error
        raise


def _content_kind(call: Call, body: bytes) -> str:
    """Return the codec that a request names, or that it shows where it names none.

    It is named by the key ``codec-device``, in the path or in a header.

    ``curl --data`` says that everything is a form, so a form is looked at too. What is neither
    JSON nor begins like a data item is the request itself: an HTTP message, signed or not.
    """
    request = call.request
    named = call.keys.get("codec-device") or request.headers.get("codec-device") or ""
    if not named and "signature-input" not in request.headers:
        named = request.headers.get("content-type") or ""
    kind = named.partition(";")[0].strip().lower()
    if kind not in _OPEN_TYPES:
        return kind
    if "signature-input" in request.headers or kind == MULTIPART:
        return HTTPSIG
    if body.lstrip()[:1] == b"{":
        return JSON
    return ANS104 if body[:2] in _ITEM_STARTS else HTTPSIG
