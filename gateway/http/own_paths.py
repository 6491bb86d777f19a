"""Asking the node's own paths, for triggers: through the node's normal entry, and nowhere else.

A request goes through a pair of sockets from this program to itself: whatever its path says, there
is nobody else to hear it. It names this node in ``via``, so that nobody sends it on either, and it
comes from nobody in particular: what is for the operator only is refused.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from seriatim.actors.node import Node
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import (
    DeadlineExceededError,
    FormatError,
    RefusedError,
    UnavailableError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    REASON_MAX_CHARS,
    RUN_DEADLINE_MS,
    RUN_REPLY_MAX_BYTES,
    RUNS_AT_ONCE_MAX,
    RUNS_STOP_MS,
)
from seriatim.formats.triggers.definition import PATHS
from seriatim.gateway.failure import reason_of
from seriatim.gateway.http.hyperbeam.own_path import check_stays_here
from seriatim.gateway.http.reply import VIA, via_of

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.client_proto import ResponseHandler

    from seriatim.actors.triggers.runs import Run

_TIMEOUT: Final = aiohttp.ClientTimeout(total=RUN_DEADLINE_MS / 1000)
# What aiohttp's client would say of itself: it would be part of an unsigned message.
_UNSAID: Final = ("accept-encoding", "content-type", "user-agent")
_OK: Final = range(200, 300)


class _Within(aiohttp.BaseConnector):
    """Connects to a server in this program, whatever the URL of a request says."""

    def __init__(self, server: web.Server) -> None:
        # No connection is used again: the server may be about to close it.
        super().__init__(limit=RUNS_AT_ONCE_MAX, force_close=True)
        self._server = server

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: object,
        timeout: object,  # noqa: ASYNC109  # aiohttp's own signature
    ) -> ResponseHandler:
        """Be asked by aiohttp for a new connection."""
        del req, traces, timeout
        ours, theirs = socket.socketpair()
        try:
            await self._loop.connect_accepted_socket(self._server, theirs)
            _, protocol = await self._loop.create_unix_connection(self._factory, sock=ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return protocol


@asynccontextmanager
async def asking_own_paths(node: Node, server: web.Server) -> AsyncIterator[None]:
    """Have *server* asked for the paths of the triggers of *node* while the block runs.

    At its end nothing fires any more: what is asked then is asked once more by the next node.

    Args:
        node: its triggers.
        server: answers as *node* does; it is nobody else's.
    """
    if node.triggers is None:
        yield
        return
    own = {VIA: via_of([], encode_id(node.address))} if node.wallet else {}
    try:
        async with aiohttp.ClientSession(
            connector=_Within(server),
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_UNSAID,
            headers={"accept": "application/json", **own},
        ) as session:
            asker = _Asker(session)
            node.triggers.provide(PATHS, asker.ask)
            try:
                yield
            finally:
                await node.triggers.close()
    finally:
        # Nobody waits for these replies any more.
        await server.shutdown(RUNS_STOP_MS / 1000)


class _Asker:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, run: Run) -> None:
        """Ask the path of *run*.

        Raises:
            RefusedError: the reply is no success; its code is the status, as in ``status_404``.
            DeadlineExceededError: there was none in ``RUN_DEADLINE_MS``.
            SchedulerError: see `check_stays_here`.
        """
        definition = run.definition
        check_stays_here(definition.path)
        kind = definition.content_type
        try:
            async with self._session.request(
                definition.method,
                URL(f"http://node{definition.path}", encoded=True),
                data=definition.body if definition.method == "POST" else None,
                headers={"content-type": kind} if kind else {},
                allow_redirects=False,
            ) as reply:
                raw = await _read_start(reply.content)
        except TimeoutError as error:
            raise DeadlineExceededError(definition.path, deadline_ms=RUN_DEADLINE_MS) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{definition.path}: {reason_of(error)}") from error
        if reply.status not in _OK:
            raise RefusedError(_reason(raw), code=f"status_{reply.status}")


async def _read_start(content: aiohttp.StreamReader) -> bytes:
    """Return as much of *content* as is read of a reply that only has to be a success."""
    raw = bytearray()
    while len(raw) < RUN_REPLY_MAX_BYTES and (chunk := await content.readany()):
        raw += chunk
    return bytes(raw[:RUN_REPLY_MAX_BYTES])


def _reason(raw: bytes) -> str:
    """Return what a reply says of why it is no success: a problem's sentence, or a text."""
    try:
        plain = parse_json(raw)
    except FormatError:
        plain = None
    detail = plain.get("detail") if isinstance(plain, dict) else None
    text = detail if isinstance(detail, str) else raw.decode(errors="replace")
    return text[:REASON_MAX_CHARS] or "the reply has no body"
