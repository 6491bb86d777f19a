"""A client of a node over HTTP: what the command line needs, and a start for your own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from seriatim.formats.errors import LimitExceededError, UnavailableError
from seriatim.formats.ids import decode_id
from seriatim.formats.limits import (
    ASK_DEADLINE_MS,
    CLIENT_REPLY_MAX_BYTES,
    OUTBOUND_REDIRECTS_MAX,
)
from seriatim.gateway.failure import reason_of
from seriatim.gateway.reply import field, read_reply

# Not compressed: a bound on what is read is a bound on what is held.
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}
_TIMEOUT: Final = aiohttp.ClientTimeout(total=ASK_DEADLINE_MS / 1000 + 5)


class NodeClient:
    """Speaks to one node, and to where that one redirects it; made by `connect`.

    Every method raises `UnavailableError` where no node answers or none takes the request now,
    `NotFoundError` for what the node does not know, `RefusedError`, with the node's own code and
    sentence, for what it does not take, and `LimitExceededError` for a reply of over
    ``CLIENT_REPLY_MAX_BYTES``. Process ids are text of 43 characters: any other is a
    `MalformedError` and is not sent.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    async def address(self) -> str:
        """Return the address of the node's wallet, 43 characters; empty without one."""
        return field(await self._call("GET", "/~scheduler@1.0/status"), "address", str)

    async def schedule_item(self, raw: bytes, process: str | None = None) -> dict[str, Any]:
        """Send the signed ANS-104 item *raw*; return the node's receipt.

        A receipt has a ``process``, an ``id`` and a ``slot``; no slot where the node has sent the
        item on to an ao unit, and does not see yet what has become of it.
        """
        path = "/~scheduler@1.0/schedule" if process is None else f"{_path(process)}/schedule"
        receipt = await self._call("POST", path, raw, "application/ans104")
        field(receipt, "process", str)
        field(receipt, "id", str)
        if "slot" in receipt or "timestamp" not in receipt:
            field(receipt, "slot", int)
        return receipt

    async def slot(self, process: str) -> int:
        """Return the last slot of *process*."""
        return field(await self._call("GET", f"{_path(process)}/slot"), "current", int)

    async def schedule(self, process: str, first: int, last: int) -> dict[str, Any]:
        """Return one page of the schedule from *first* to *last*, both inclusive.

        Its ``assignments`` are an object; what is in it is as the node gave it.
        """
        page = await self._call("GET", f"{_path(process)}/schedule?from={first}&to={last}")
        field(page, "assignments", dict)
        return page

    async def legacy_page(
        self, process: str, *, after_ms: int | None = None, limit: int
    ) -> dict[str, Any]:
        """Return one page as an ao unit serves it: what comes after the cursor *after_ms*.

        Its ``edges`` are a list, its ``page_info`` an object.
        """
        after = "" if after_ms is None else f"&from={after_ms}"
        query = f"process-id={process}&limit={limit}{after}"
        page = await self._call("GET", f"{_path(process)}?{query}")
        field(page, "edges", list)
        field(page, "page_info", dict)
        return page

    async def _call(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> dict[str, Any]:
        headers = {"content-type": content_type} if body is not None else {}
        try:
            async with self._session.request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                max_redirects=OUTBOUND_REDIRECTS_MAX,
            ) as response:
                raw = await read_bounded(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{self._url} cannot be reached: {reason_of(error)}") from error
        return read_reply(str(response.url.origin()), response.status, raw)


def _path(process: str) -> str:
    """Return where *process* is found: text that is no id could lead anywhere else."""
    decode_id(process)
    return f"/{process}"


async def read_bounded(content: aiohttp.StreamReader) -> bytes:
    """Return all of *content*.

    Raises:
        LimitExceededError: it is over ``CLIENT_REPLY_MAX_BYTES``.
    """
    raw = bytearray()
    while chunk := await content.readany():
        raw += chunk
        if len(raw) > CLIENT_REPLY_MAX_BYTES:
            raise LimitExceededError(
                "the length of a node's reply", given=len(raw), maximum=CLIENT_REPLY_MAX_BYTES
            )
    return bytes(raw)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[NodeClient]:
    """Open connections to the node at *url* for as long as the block runs."""
    async with aiohttp.ClientSession(
        timeout=_TIMEOUT,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=_HEADERS,
    ) as session:
        yield NodeClient(session, url)
