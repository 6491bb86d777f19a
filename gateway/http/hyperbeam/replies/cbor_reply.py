"""``cbor@1.0``: a schedule as its stored records; see ``formats/wire/cbor_schedule.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aiohttp import web

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.wire import cbor_schedule
from seriatim.gateway.http.hyperbeam.answer import Answer, Page
from seriatim.gateway.http.stream import send_stream

CBOR: Final = "application/cbor"


class CborReply:
    """Sends pages of records, byte for byte as they are on disk."""

    device = "cbor@1.0"
    content_types = (CBOR,)

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*.

        Raises:
            UnsupportedError: it is no page.
        """
        if not isinstance(answer, Page):
            raise UnsupportedError(f"only schedules come as {CBOR}; ask for another type")
        return await send_stream(request, CBOR, _pieces(answer))


def _pieces(page: Page) -> Iterator[bytes]:
    yield cbor_schedule.page_open(
        page.process,
        page.variant,
        page.block,
        slots=max(page.last - page.first + 1, 0),
        continues=page.continues,
    )
    for stored in page.node.schedule(page.process, page.first, page.last):
        yield cbor_schedule.encode_entry(stored)
