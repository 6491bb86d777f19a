"""``application/aos-2``: pages as ao's compute units read them; see ``formats/wire/aos2.py``."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from seriatim.formats.wire import aos2
from seriatim.gateway.http.hyperbeam.answer import Answer, Page
from seriatim.gateway.http.hyperbeam.replies.json_reply import JsonReply
from seriatim.gateway.http.paging import join_page
from seriatim.gateway.http.reply import JSON
from seriatim.gateway.http.stream import send_stream

AOS2: Final = "application/aos-2"
VERIFIABLE: Final = "seriatim-verifiable"


class Aos2Reply:
    """Sends pages that say in a header that nobody can verify them."""

    device = "aos-2@1.0"
    content_types = (AOS2,)

    def __init__(self, json: JsonReply) -> None:
        """Leave to *json* whatever is no page."""
        self._json = json

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*; what is no page comes as JSON.

        Clients that read schedules so ask for everything with the same headers.

        Raises:
            UnsupportedError: it has no form in JSON.
        """
        if not isinstance(answer, Page):
            return await self._json.send(request, answer)
        chunks = answer.node.rendered(
            answer.process, answer.first, answer.last, shape=AOS2, encode=aos2.encode_edge
        )
        closing = aos2.page_close(answer.process, answer.block, has_next_page=answer.continues)
        # HyperBEAM sends aos-2 as JSON too: its readers look at the content type.
        pieces = join_page(aos2.page_open(), chunks, closing)
        return await send_stream(request, JSON, pieces, {VERIFIABLE: "no"})
