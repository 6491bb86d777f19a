"""The operator's bundlers: where messages and assignments are uploaded to.

A data item goes as it is to ``URL/tx``, as HyperBEAM and ao units send it. An assignment that is
an HTTP message goes, with its message in it, as the body of an HTTP message to the bundler of
those, as HyperBEAM's own does: not every bundler reads them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

from seriatim.actors.uploads.carrier import Carrier
from seriatim.formats.errors import RefusedError, UnavailableError
from seriatim.formats.httpsig.commitments import to_http
from seriatim.formats.limits import (
    UPLOAD_DEADLINE_MS,
    UPLOAD_PAUSE_MAX_MS,
    UPLOAD_REPLY_MAX_BYTES,
)
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.upload import Part
from seriatim.formats.wire.rendition import whole_assignment
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.gateway.outbound import Outbound, OutboundPolicy, OutboundReply
from seriatim.gateway.url import read_url

_BYTES: Final = {"content-type": "application/octet-stream"}
_NOT_NOW: Final = frozenset({408, 425, 429})
_SERVER_ERROR: Final = 500
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class Bundler(Carrier):
    """Uploads over HTTP.

    Attributes:
        kinds: see `Carrier`; what there is a URL for.
    """

    def __init__(
        self, outbound: Outbound, items_url: str | None, http_messages_url: str | None
    ) -> None:
        """Upload data items and HTTP messages to the two URLs, through *outbound*."""
        self._outbound = outbound
        self._urls = {
            Kind.ITEM: items_url,
            Kind.REFERENCE: items_url,
            Kind.TABM: http_messages_url,
        }
        self.kinds: Collection[Kind] = [kind for kind, url in self._urls.items() if url]

    async def carry(self, stored: StoredAssignment, part: Part) -> None:
        """See `Carrier.carry`.

        Raises:
            UnavailableError: the bundler is not reached, or says that it cannot now, and perhaps
                for how long.
            RefusedError: it refuses this item; code ``upload_refused``.
            OutboundError: it redirects to where the operator allows nobody to lead us.
        """
        kind = stored.record.kind
        url = self._urls.get(kind)
        if url is None:
            # It was put into the outbox when there was one.
            raise RefusedError(f"no bundler is named that takes {kind.name}", code="upload_refused")
        if kind is Kind.TABM:
            message = to_http({"body": whole_assignment(stored, None)})
            headers = {name: value.decode() for name, value in message.headers.items()}
            reply = await self._post(url, message.body, headers)
        else:
            raw = stored.record.message if part is Part.MESSAGE else stored.record.assignment
            reply = await self._post(url, raw, _BYTES)
        _check(reply)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> OutboundReply:
        return await self._outbound.post(url.rstrip("/") + "/tx", body, headers=headers)


@asynccontextmanager
async def open_bundler(
    items_url: str | None, http_messages_url: str | None
) -> AsyncIterator[Bundler | None]:
    """Open the way to the bundlers that the operator has named; ``None`` without any.

    Raises:
        OutboundError: a URL is none.
    """
    urls = [url for url in (items_url, http_messages_url) if url]
    if not urls:
        yield None
        return
    policy = OutboundPolicy(frozenset(read_url(url).origin for url in urls))
    async with Outbound(
        policy,
        reply_max_bytes=UPLOAD_REPLY_MAX_BYTES,
        cuts_replies=True,
        deadline_ms=UPLOAD_DEADLINE_MS,
    ) as outbound:
        yield Bundler(outbound, items_url, http_messages_url)


def _check(reply: OutboundReply) -> None:
    """Return when *reply* is an acknowledgement."""
    if reply.is_ok:
        return
    shown = reply.body.decode("utf-8", "replace")
    said = f"{reply.url} answers {reply.status}: {shown!a}"
    if reply.status in _NOT_NOW or reply.status >= _SERVER_ERROR:
        after = reply.headers.get("retry-after", "")
        wait_s = int(after) if _SECONDS.fullmatch(after) else 0
        raise UnavailableError(said, retry_after_ms=min(wait_s * 1000, UPLOAD_PAUSE_MAX_MS))
    raise RefusedError(said, code="upload_refused")
