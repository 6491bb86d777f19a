"""A client of a node's own API, for whoever has its operator's token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from seriatim.formats.errors import MalformedError, NoNodeError, StoppingError, UnavailableError
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.limits import API_DEADLINE_MS
from seriatim.gateway.client import read_bounded
from seriatim.gateway.failure import reason_of
from seriatim.gateway.reply import read_reply


class ApiClient:
    """Asks one node, and follows nobody: the token is for it alone. Made by `connect_api`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    async def ask(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        wait_ms: int = 0,
    ) -> dict[str, Any]:
        """Return the JSON object that the node answers.

        Args:
            method: such as ``GET``.
            path: the segments behind ``/api/v1``, as they are meant: not encoded.
            query: what is asked for beside it; what is ``None`` is left out.
            body: a JSON object.
            wait_ms: how long the node may wait before it answers, beside the time that it takes.

        Raises:
            StoppingError: the block of `connect_api` has ended.
            MalformedError: JSON, or a URL, cannot carry what is asked; code ``bad_value``. It was
                not sent.
            UnavailableError, NotFoundError, RefusedError, LimitExceededError: see `read_reply`
                and `read_bounded`.
        """
        self._check_open()
        try:
            url = self._url + _target(path, query or {})
            raw = None if body is None else dump_json(body)
        except (TypeError, UnicodeEncodeError) as error:
            raise MalformedError(f"no request can carry it: {error}", code="bad_value") from error
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=None if raw is None else BytesIO(raw),
                headers={} if raw is None else {"content-type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=(API_DEADLINE_MS + wait_ms) / 1000),
            ) as reply:
                answer = await read_bounded(reply.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._check_open()  # else it is this side that has ended it
            # Without TLS, or with a certificate of somebody else's, it is not who is meant.
            kind = NoNodeError if isinstance(error, aiohttp.ClientSSLError) else UnavailableError
            raise kind(f"{self._url} cannot be reached: {reason_of(error)}") from error
        return read_reply(self._url, reply.status, answer)

    def _check_open(self) -> None:
        if self._session.closed:
            raise StoppingError(f"the connection to {self._url} is closed; open another one")

    async def check_token(self) -> None:
        """Return when the node is there, and knows the token: it is asked for as little as it has.

        Raises:
            RefusedError: it does not know the token.
            SchedulerError: as for `ask`.
        """
        await self.ask("GET", ("queues",), query={"limit": 1})

    async def pages(
        self, path: tuple[str, ...], *, query: Mapping[str, object] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the pages of the list at *path*, from the first one to the last.

        Raises:
            SchedulerError: as for `ask`.
        """
        after: object = None
        while True:
            page = await self.ask("GET", path, query={**(query or {}), "after": after})
            yield page
            after = page.get("after")
            if after is None:
                return


def _target(path: tuple[str, ...], query: Mapping[str, object]) -> str:
    """Return *path* behind ``/api/v1``, with what is not ``None`` of *query*."""
    target = "/".join(("/api/v1", *(quote(each, safe="") for each in path)))
    said = {name: value for name, value in query.items() if value is not None}
    return f"{target}?{urlencode(said)}" if said else target


@asynccontextmanager
async def connect_api(url: str, token: str) -> AsyncIterator[ApiClient]:
    """Open connections to the node at *url*, as whoever has *token*, for as long as the block runs.

    Args:
        url: the node's.
        token: 43 characters, see `read_token`; empty for what is for everybody.
    """
    async with aiohttp.ClientSession(
        # As many as there are who ask: those who wait for something hold up nobody else.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={
            "accept": "application/json",
            "accept-encoding": "identity",
            "authorization": f"Bearer {token}",
        },
    ) as session:
        yield ApiClient(session, url)
