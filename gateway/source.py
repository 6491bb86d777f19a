"""Another node as a `Source`: which pages it serves that can be verified, and reading them.

Asked in this order, and the first that can be verified is read from then on:

=========== =============================== ==================================================
shape       told by                         why there
=========== =============================== ==================================================
schedule    ``/~meta@1.0/info/address``     our JSON loses nothing; a node renders it once and
                                            remembers it
legacy      ``/`` with an ``address``       an ao unit has nothing else; it loses what is no text
=========== =============================== ==================================================

``application/aos-2`` has no keys and is never read. HyperBEAM's httpsig bundles are to come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from seriatim.actors.follow.source import Source
from seriatim.formats.errors import (
    FormatError,
    NotFoundError,
    NotVerifiableError,
    RefusedError,
    SchedulerError,
)
from seriatim.formats.ids import ID_CHARS, encode_id
from seriatim.formats.limits import CLIENT_REPLY_MAX_BYTES
from seriatim.formats.schedule.record import Record
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageEntry, PageReader, bad_page
from seriatim.formats.wire.schedule_page import SchedulePageReader
from seriatim.gateway.outbound import Outbound, OutboundPolicy
from seriatim.gateway.reply import check_status, field, read_reply

if TYPE_CHECKING:
    from seriatim.actors.follow.catch_up import OpenSource

_JSON: Final = {"accept": "application/json"}


class NodeSource(Source):
    """One process at the node *url*; what the node serves is found out with the first request.

    Attributes:
        url: the node.
        shape: ``schedule`` or ``legacy``; empty until it is found out.
    """

    def __init__(self, outbound: Outbound, url: str, process: bytes) -> None:
        """Read *process* (32 raw bytes) at *url* through *outbound*."""
        self.url = url
        self.shape = ""
        self._process = process
        self._http = _Http(outbound, url.rstrip("/"), encode_id(process))
        self._pages: _Pages | None = None

    async def last(self) -> int:
        """See `Source.last`."""
        return await (await self._found()).last()

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        """See `Source.page`."""
        return await (await self._found()).page(first, count)

    def record(self, entry: PageEntry) -> Record:
        """See `Source.record`."""
        assert self._pages is not None, "an entry comes from a page"
        return self._pages.reader.record(self._process, entry)

    async def _found(self) -> _Pages:
        if self._pages is None:
            self._pages = await self._find()
            self.shape = self._pages.shape
        return self._pages

    async def _find(self) -> _Pages:
        """Return the first kind of pages that the node serves.

        Raises:
            NotVerifiableError: there is none.
        """
        if await self._http.has_address("/~meta@1.0/info/address"):
            pages = _SchedulePages(self._http)
            try:
                await pages.page(0, 1)
            except (FormatError, NotVerifiableError):
                pass  # another node's schedule: it may serve legacy pages too
            else:
                return pages
        if await self._http.has_address("/"):
            return _LegacyPages(self._http)
        raise NotVerifiableError(
            f"{self.url} serves neither our JSON schedule nor legacy pages, and nothing else that "
            "it may serve can be verified: aos-2 carries no keys, and httpsig bundles are not "
            "read yet"
        )


@asynccontextmanager
async def opening_sources(policy: OutboundPolicy) -> AsyncIterator[OpenSource]:
    """Give what opens sources at the nodes that *policy* allows, while the block runs."""
    async with Outbound(policy, reply_max_bytes=CLIENT_REPLY_MAX_BYTES) as outbound:
        yield partial(NodeSource, outbound)


class _Http:
    """The requests of one process at one node."""

    def __init__(self, outbound: Outbound, url: str, process: str) -> None:
        self.process = process
        self._outbound = outbound
        self._url = url

    async def has_address(self, path: str) -> bool:
        """Tell whether the node answers *path* with an address, as text or in a JSON object."""
        reply = await self._outbound.get(self._url + path, headers=_JSON)
        if not reply.is_ok:
            return False
        if _is_id(reply.body.decode("ascii", "replace").strip()):
            return True
        try:
            plain = read_reply(self._url, reply.status, reply.body)
        except SchedulerError:
            return False
        return _is_id(plain.get("address"))

    async def raw(self, path: str) -> bytes:
        """Return the body of what *path* has."""
        reply = await self._outbound.get(self._url + path, headers=_JSON)
        check_status(self._url, reply.status, reply.body)
        return reply.body

    async def plain(self, path: str) -> dict[str, Any]:
        """Return the JSON object that *path* has."""
        reply = await self._outbound.get(self._url + path, headers=_JSON)
        return read_reply(self._url, reply.status, reply.body)


class _Pages(Protocol):
    """One kind of pages of one process at one node."""

    shape: str
    reader: PageReader

    async def last(self) -> int:
        """See `Source.last`."""

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        """See `Source.page`."""


class _SchedulePages(_Pages):
    """``~scheduler@1.0`` in JSON."""

    shape = "schedule"
    reader = SchedulePageReader()

    def __init__(self, http: _Http) -> None:
        self._http = http

    async def last(self) -> int:
        return field(await self._http.plain(f"/{self._http.process}/slot"), "current", int)

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        slots = f"from={first}&to={first + count - 1}"
        return self.reader.entries(await self._http.raw(f"/{self._http.process}/schedule?{slots}"))


class _LegacyPages(_Pages):
    """The legacy unit's, with slots as cursors."""

    shape = "legacy"
    reader = LegacyPageReader()

    def __init__(self, http: _Http) -> None:
        self._http = http

    async def last(self) -> int:
        process = self._http.process
        try:
            node = await self._http.raw(f"/{process}/latest?process-id={process}")
        except (NotFoundError, RefusedError):
            # An ao unit says this of a process without messages, and of one that it does not know.
            return _only(await self.page(0, 1))
        return _only(self.reader.entries(b'{"edges":[{"node":%b}]}' % node))

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        process = self._http.process
        # Exclusive; -1 is the page that begins with the process itself.
        query = f"process-id={process}&from-nonce={first - 1}&limit={count}&show-anchor=1"
        return self.reader.entries(await self._http.raw(f"/{process}?{query}"))


def _only(entries: Sequence[PageEntry]) -> int:
    """Return the slot of the one entry that was asked for."""
    if len(entries) != 1:
        raise bad_page(f"one slot was asked for, and {len(entries)} came")
    return entries[0].slot


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == ID_CHARS
