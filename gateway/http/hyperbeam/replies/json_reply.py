"""``json@1.0``: answers as plain JSON, pages as a stream."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from seriatim.formats.codecs.json import value_to_plain
from seriatim.formats.errors import UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.tabm.json import to_plain
from seriatim.formats.wire import schedule
from seriatim.formats.wire.receipt import receipt_to_plain
from seriatim.gateway.http.hyperbeam.answer import (
    Answer,
    Assignment,
    Carried,
    Fields,
    Literal,
    Page,
    Placed,
)
from seriatim.gateway.http.hyperbeam.reply_format import NO_STORE
from seriatim.gateway.http.paging import join_page
from seriatim.gateway.http.reply import JSON, mode_headers, reply_bytes, reply_json, reply_text
from seriatim.gateway.http.stream import send_stream

_BYTES: Final = "application/octet-stream"
_RESULT: Final = {"ao-result": "body"}


class JsonReply:
    """Sends JSON; what an answer says in single values stands in headers too."""

    device = "json@1.0"
    content_types = (JSON,)

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*.

        Raises:
            UnsupportedError: no such answer has a form in JSON.
        """
        if isinstance(answer, Page):
            return await _send_page(request, answer)
        if isinstance(answer, Placed):
            receipt = answer.receipt
            headers = {
                "slot": str(receipt.slot),
                "timestamp": str(receipt.timestamp_ms),
                "process": encode_id(receipt.process),
            }
            headers |= mode_headers(receipt.mode)
            return reply_json(receipt_to_plain(receipt), headers=headers)
        if isinstance(answer, Assignment):
            return reply_json(schedule.encode_assignment(answer.stored))
        if isinstance(answer, Carried):
            return reply_json({"body": to_plain(answer.message)}, headers=dict(NO_STORE))
        if isinstance(answer, Literal):
            return _reply_literal(answer)
        if isinstance(answer, Fields):
            headers = {
                name: str(value)
                for name, value in answer.fields.items()
                if answer.is_ours and isinstance(value, (str, int)) and str(value).isprintable()
            }
            return reply_json(value_to_plain(answer.fields), headers=headers | _caching(answer))
        raise UnsupportedError("this has no form in JSON; ask for one of its keys")


async def _send_page(request: web.BaseRequest, page: Page) -> web.StreamResponse:
    chunks = page.node.rendered(
        page.process, page.first, page.last, shape=JSON, encode=schedule.encode_entry
    )
    closing = schedule.page_close(page.process, page.block, continues=page.continues)
    return await send_stream(request, JSON, join_page(schedule.page_open(), chunks, closing))


def _reply_literal(answer: Literal) -> web.Response:
    """Return a value as the body: text and numbers as they are, for clients that paste them."""
    if isinstance(answer.value, str):
        return reply_text(answer.value, headers=_RESULT | _caching(answer))
    if isinstance(answer.value, int):
        kind = "atom" if isinstance(answer.value, bool) else "integer"
        headers = _RESULT | {"ao-types": f'body="{kind}"'} | _caching(answer)
        return reply_text(str(answer.value).lower(), headers=headers)
    if isinstance(answer.value, bytes):
        return reply_bytes(answer.value, _BYTES, headers=_RESULT | _caching(answer))
    plain = value_to_plain(answer.value)
    return reply_json(orjson.dumps(plain, default=list), headers=_caching(answer))


def _caching(answer: Fields | Literal) -> dict[str, str]:
    return {} if answer.is_fixed else dict(NO_STORE)
