"""Another node as a `Source`: which pages it serves that can be verified, and reading them.

=========== ========================= ===================== =================================
shape       told by                   pages                 why there
=========== ========================= ===================== =================================
records     ``/~meta@1.0/info/        ``application/cbor``  the stored records themselves
            address``
schedule    the same                  ``application/json``  our JSON loses nothing; a node
                                                            renders it once and remembers it
bundle      the same                  ``multipart/          a HyperBEAM node has nothing else;
                                      form-data``           it loses how data items were signed
legacy      ``/`` with an             the legacy API's      an ao unit has nothing else; it
            ``address``                                     loses what is no text
=========== ========================= ===================== =================================

Records are asked for, and what comes is what is read from then on. ``application/aos-2`` has no
keys and is never read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from seriatim.actors.follow.source import Source
from seriatim.formats.errors import (
    FormatError,
    NotFoundError,
    NotVerifiableError,
    RefusedError,
    SchedulerError,
)
from seriatim.formats.ids import ID_CHARS, encode_id
from seriatim.formats.limits import (
    CATCH_UP_REPLY_MAX_BYTES,
    FOLLOW_BUNDLE_SLOTS,
    FOLLOW_WAIT_MS,
    OFF_LOOP_MIN_BYTES,
    SCHEDULE_PAGE_MAX,
)
from seriatim.formats.schedule.record import Record
from seriatim.formats.wire.cbor_page import CborPageReader
from seriatim.formats.wire.http_page import HttpPageReader
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageEntry, PageReader, bad_page
from seriatim.formats.wire.schedule_page import SchedulePageReader
from seriatim.gateway.http.preference import preferred_wait_s
from seriatim.gateway.outbound import Outbound, OutboundPolicy, OutboundReply
from seriatim.gateway.reply import check_status, read_reply

if TYPE_CHECKING:
    from seriatim.actors.follow.catch_up import OpenSource

_T = TypeVar("_T")

_JSON: Final = {"accept": "application/json"}
_ANY: Final = {"accept": "*/*"}
_INTEGER: Final = re.compile(rb"-1|0|[1-9][0-9]{0,18}")


class NodeSource(Source):
    """One process at the node *url*; what the node serves is found out with the first request.

    Attributes:
        url: the node.
        shape: ``records``, ``schedule``, ``bundle`` or ``legacy``; empty until it is found out.
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
        entries = await (await self._found()).page(first, count)
        wanted = range(first, first + count)  # a node may say more, to whoever bounds what it reads
        return [entry for entry in entries if entry.slot in wanted]

    async def arrival(self, slot: int) -> Sequence[PageEntry] | None:
        """See `Source.arrival`."""
        return await (await self._found()).arrival(slot)

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
            pages = await self._find_schedule()
            if pages is not None:
                return pages
        if await self._http.has_address("/"):
            return _LegacyPages(self._http)
        raise NotVerifiableError(
            f"{self.url} serves neither a schedule (our CBOR or JSON, HyperBEAM's HTTP messages) "
            "nor legacy pages, and nothing else can be verified: aos-2 carries no keys"
        )

    async def _find_schedule(self) -> _Pages | None:
        """Return the pages that the node answers with when it is asked for the best of them."""
        asked = _SchedulePages(self._http, _SHAPES[0])
        reply = await asked.reply(0, 1, wait_ms=0)
        given = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        for shape in _SHAPES:
            if shape.content_type == given:
                try:
                    await _parsed(shape.reader.entries, reply.body)
                except (FormatError, NotVerifiableError):
                    return None  # another node's schedule: it may serve legacy pages too
                return _SchedulePages(self._http, shape)
        return None


@asynccontextmanager
async def opening_sources(policy: OutboundPolicy) -> AsyncIterator[OpenSource]:
    """Give what opens sources at the nodes that *policy* allows, while the block runs.

    They are for a node that serves: a reply has ``CATCH_UP_REPLY_MAX_BYTES`` at most.
    """
    async with Outbound(policy, reply_max_bytes=CATCH_UP_REPLY_MAX_BYTES) as outbound:
        yield partial(NodeSource, outbound)


class _Http:
    """The requests of one process at one node."""

    def __init__(self, outbound: Outbound, url: str, process: str) -> None:
        self.process = process
        self._outbound = outbound
        self._url = url

    async def has_address(self, path: str) -> bool:
        """Tell whether the node answers *path* with an address, as text or in a JSON object."""
        reply = await self._outbound.get(self._url + path, headers=_ANY)
        if not reply.is_ok or len(reply.body) > OFF_LOOP_MIN_BYTES:
            return False
        if _is_id(reply.body.decode("ascii", "replace").strip()):
            return True
        try:
            plain = read_reply(self._url, reply.status, reply.body)
        except SchedulerError:
            return False
        return _is_id(plain.get("address"))

    async def reply(self, path: str, headers: Mapping[str, str] = _JSON) -> OutboundReply:
        """Return what the node answers to a GET of *path*, which it has."""
        reply = await self._outbound.get(self._url + path, headers=headers)
        if not reply.is_ok:
            await _parsed(partial(check_status, self._url, reply.status), reply.body)
        return reply


class _Pages(Protocol):
    """One kind of pages of one process at one node."""

    shape: str
    reader: PageReader

    async def last(self) -> int:
        """See `Source.last`."""

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        """See `Source.page`."""

    async def arrival(self, slot: int) -> Sequence[PageEntry] | None:
        """See `Source.arrival`."""


class _Shape(NamedTuple):
    """A form of ``~scheduler@1.0/schedule`` that can be verified."""

    name: str
    content_type: str
    reader: PageReader
    slots_max: int = SCHEDULE_PAGE_MAX


_SHAPES: Final = (
    _Shape("records", "application/cbor", CborPageReader()),
    _Shape("schedule", "application/json", SchedulePageReader()),
    _Shape("bundle", "multipart/form-data", HttpPageReader(), FOLLOW_BUNDLE_SLOTS),
)


class _SchedulePages(_Pages):
    """``~scheduler@1.0`` in one of its shapes."""

    def __init__(self, http: _Http, shape: _Shape) -> None:
        self.shape = shape.name
        self.reader = shape.reader
        self._accept = shape.content_type
        self._slots_max = shape.slots_max
        self._http = http
        self._waits = False  # as the last page has said: every one is asked for with a wait

    async def last(self) -> int:
        # As text: a HyperBEAM node has no JSON here.
        reply = await self._http.reply(f"/{self._http.process}/slot/current", _ANY)
        return _integer(reply.body)

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        reply = await self.reply(first, count, wait_ms=0)
        return await _parsed(self.reader.entries, reply.body)

    async def arrival(self, slot: int) -> Sequence[PageEntry] | None:
        if not self._waits:
            return None
        reply = await self.reply(slot, 1, wait_ms=FOLLOW_WAIT_MS)
        entries = await _parsed(self.reader.entries, reply.body)
        return entries if entries or self._waits else None

    async def reply(self, first: int, count: int, *, wait_ms: int) -> OutboundReply:
        """Return a page as it comes, within *wait_ms* where the node waits."""
        last = first + min(count, self._slots_max) - 1
        path = f"/{self._http.process}/schedule?from={first}&to={last}"
        asked = {"accept": self._accept, "prefer": f"wait={wait_ms // 1000}"}
        reply = await self._http.reply(path, asked)
        applied = reply.headers.get("preference-applied", "")
        self._waits = preferred_wait_s([applied]) is not None
        return reply


class _LegacyPages(_Pages):
    """An ao unit's, with slots as cursors."""

    shape = "legacy"
    reader = LegacyPageReader()

    def __init__(self, http: _Http) -> None:
        self._http = http

    async def last(self) -> int:
        process = self._http.process
        try:
            reply = await self._http.reply(f"/{process}/latest?process-id={process}")
        except (NotFoundError, RefusedError):
            # An ao unit says this of a process without messages, and of one that it does not know.
            return _only(await self.page(0, 1))
        page = b'{"edges":[{"node":%b}]}' % reply.body
        return _only(await _parsed(self.reader.entries, page))

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        process = self._http.process
        # Exclusive; -1 is the page that begins with the process itself.
        query = f"process-id={process}&from-nonce={first - 1}&limit={count}&show-anchor=1"
        reply = await self._http.reply(f"/{process}?{query}")
        return await _parsed(self.reader.entries, reply.body)

    async def arrival(self, slot: int) -> None:
        del slot  # an ao unit answers at once


async def _parsed(parse: Callable[[bytes], _T], raw: bytes) -> _T:
    """Return what *parse* makes of *raw*: in a thread, where it is long, so that others go on."""
    if len(raw) > OFF_LOOP_MIN_BYTES:
        return await asyncio.to_thread(parse, raw)
    return parse(raw)


def _only(entries: Sequence[PageEntry]) -> int:
    """Return the slot of the one entry that was asked for."""
    if len(entries) != 1:
        raise bad_page(f"one slot was asked for, and {len(entries)} came")
    return entries[0].slot


def _integer(raw: bytes) -> int:
    """Return the slot that *raw* is; -1 for none."""
    if not _INTEGER.fullmatch(raw):
        raise bad_page(f"{raw[:32]!r} is no slot")
    return int(raw)


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == ID_CHARS
