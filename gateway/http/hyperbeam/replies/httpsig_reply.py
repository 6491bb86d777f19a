"""``httpsig@1.0``: answers as HTTP messages; what was signed is sent as it was signed."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from seriatim.formats.errors import FormatError, UnsupportedError
from seriatim.formats.httpsig.commitments import to_http
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.signature import DEVICE
from seriatim.formats.tabm.structured import Rich, to_tabm
from seriatim.formats.wire.http_schedule import encode_page
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
from seriatim.gateway.http.reply import MULTIPART, mode_headers, reply_message


class HttpsigReply:
    """Sends HyperBEAM's own form; nobody signs the reply itself."""

    device = DEVICE
    content_types = ("application/httpsig", MULTIPART)

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*.

        Raises:
            UnsupportedError: no such answer has a form in HTTP messages.
        """
        del request
        if isinstance(answer, Page):
            return reply_message(await _page(answer))
        if isinstance(answer, (Assignment, Placed)):
            whole = to_http(await answer.node.http_assignment(answer.stored))
            mode = mode_headers(answer.receipt.mode) if isinstance(answer, Placed) else {}
            return reply_message(whole, mode)
        if isinstance(answer, Carried):
            return reply_message(to_http({"body": answer.message}), NO_STORE)
        if isinstance(answer, Fields):
            said = answer.fields if answer.is_ours else {"body": answer.fields}
            placed = _place(said)
        elif isinstance(answer, Literal):
            placed = _place({"ao-result": "body", "body": answer.value})
        else:
            raise UnsupportedError("this has no form as an HTTP message; ask for one of its keys")
        return reply_message(placed, {} if answer.is_fixed else NO_STORE)


def _place(said: Mapping[str, Rich]) -> HttpMessage:
    try:
        return to_http(to_tabm(said))
    except FormatError as error:
        raise UnsupportedError(f"{error}, as an HTTP message; accept application/json") from error


async def _page(page: Page) -> HttpMessage:
    entries, last = await page.node.http_entries(page.process, page.first, page.last)
    return encode_page(
        entries, page.process, page.block, continues=page.continues or last < page.last
    )
