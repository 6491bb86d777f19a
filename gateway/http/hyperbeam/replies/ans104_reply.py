"""``ans104@1.0``: a schedule as a bundle of the signed items that it is."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from seriatim.formats.ans104.bundle import encode_bundle
from seriatim.formats.ans104.codec import DEVICE
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import LimitExceededError, UnsupportedError
from seriatim.formats.limits import HTTP_PAGE_MAX_BYTES
from seriatim.formats.wire.stored import signed_items
from seriatim.gateway.http.hyperbeam.answer import Answer, Assignment, Page, Placed
from seriatim.gateway.http.reply import reply_bytes

ANS104: Final = "application/ans104"


class Ans104Reply:
    """Sends items as they were signed: of each slot the assignment, then the message."""

    device = DEVICE
    content_types = (ANS104,)

    async def send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Return the reply to *request* that says *answer*.

        Raises:
            UnsupportedError: it is no assignment, or one that is no data item.
            LimitExceededError: the page is over ``HTTP_PAGE_MAX_BYTES``.
        """
        del request
        if isinstance(answer, (Assignment, Placed)):
            return reply_bytes(encode_bundle(signed_items(answer.stored)), ANS104)
        if not isinstance(answer, Page):
            raise UnsupportedError(f"only assignments come as {ANS104}; ask for another type")
        items: list[DataItem] = []
        size = 0
        for stored in answer.node.schedule(answer.process, answer.first, answer.last):
            for item in signed_items(stored):
                size += len(item.raw)
                if size > HTTP_PAGE_MAX_BYTES:
                    raise LimitExceededError(
                        "bundle (ask for fewer slots)",
                        given=size,
                        maximum=HTTP_PAGE_MAX_BYTES,
                    )
                items.append(item)
        return reply_bytes(encode_bundle(items), ANS104)
