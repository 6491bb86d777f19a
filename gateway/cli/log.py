"""``seriatim log`` and ``seriatim processes``: what has which slot, read offline or over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer

from seriatim.formats.errors import LimitExceededError, UnavailableError
from seriatim.formats.limits import CLIENT_PAGE_SLOTS
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl, Process
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.row import Row, make_line, make_row

if TYPE_CHECKING:
    from seriatim.actors.offline import OfflineFolder
    from seriatim.gateway.client import NodeClient

FOLLOW_S: Final = 0.5


def log(
    process: Process,
    first: Annotated[int, typer.Option("--from", min=0, help="First slot.")] = 0,
    last: Annotated[int | None, typer.Option("--to", min=0, help="Last slot.")] = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with the slots that come.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a process's slots. With --json: a list, or with --follow one object per line."""
    with reporting(as_json=as_json):
        opening = _open_remote(node, process) if node else _open_folder(data, process)
        asyncio.run(_show(opening, first, last, follow=follow, as_json=as_json))


def processes(data: Data = DATA_DEFAULT, *, as_json: Json = False) -> None:
    """List the processes of a data folder."""
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import encode_id

    with reporting(as_json=as_json), open_offline(data) as folder:
        queues = folder.queues()
        found = [
            {
                "process": encode_id(process),
                "slots": head.slot + 1,
                "variant": head.variant.tag,
                "followed": folder.followed_from(process),
                "queue": queues.get(process),
            }
            for process, head in folder.processes()
        ]
        if as_json:
            print_json(found)
        for row in () if as_json else found:
            origin = f"  from {row['followed']}" if row["followed"] else ""
            origin += f"  queue {row['queue']}" if row["queue"] else ""
            typer.echo(
                printable(f"{row['process']}  {row['variant']:10}  {row['slots']} slots{origin}")
            )


class _Source(Protocol):
    """Where rows come from. It shows slots that came after it was opened."""

    async def last(self) -> int:
        """Return the last slot."""

    def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        """Yield the rows of slots *first* to *last*, both inclusive."""


class _Folder:
    def __init__(self, folder: OfflineFolder, process: bytes) -> None:
        self._folder = folder
        self._process = process

    async def last(self) -> int:
        return self._folder.head(self._process).slot

    async def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        from seriatim.formats.wire.schedule import assignment_to_plain
        from seriatim.formats.wire.stored import StoredAssignment

        for slot, record in self._folder.records(self._process, first, last):
            yield make_row(assignment_to_plain(StoredAssignment(self._process, slot, record)))


class _Remote:
    def __init__(self, client: NodeClient, process: str) -> None:
        self._client = client
        self._process = process

    async def last(self) -> int:
        return await self._client.slot(self._process)

    async def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        count = CLIENT_PAGE_SLOTS
        while first <= last:
            try:
                page = await self._page(first, min(last, first + count - 1))
            except LimitExceededError:
                if count == 1:
                    raise
                count //= 2  # large messages: ask for fewer at once
                continue
            for row in page:
                yield row
            first = page[-1]["slot"] + 1

    async def _page(self, first: int, last: int) -> list[Row]:
        """Return rows from *first* on, one at least; a node may give fewer than asked for."""
        page = await self._client.schedule(self._process, first, last)
        rows = sorted(map(make_row, page["assignments"].values()), key=itemgetter("slot"))
        expected = list(range(first, last + 1))[: len(rows)]
        if not rows or [row["slot"] for row in rows] != expected:
            raise UnavailableError(f"the node's page of slots {first} to {last} has other slots")
        return rows


@asynccontextmanager
async def _open_folder(data: Path, process: str) -> AsyncIterator[_Source]:
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import decode_id

    with open_offline(data) as folder:
        yield _Folder(folder, decode_id(process))


@asynccontextmanager
async def _open_remote(url: str, process: str) -> AsyncIterator[_Source]:
    from seriatim.gateway.client import connect

    async with connect(url) as client:
        yield _Remote(client, process)


async def _show(
    opening: AbstractAsyncContextManager[_Source],
    first: int,
    last: int | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    say = print_json if as_json else lambda row: typer.echo(make_line(row))
    async with opening as source:
        if as_json and not follow:
            print_json([row async for row in _rows(source, first, last)])
            return
        slot = first
        while True:
            async for row in _rows(source, slot, last):
                say(row)
                slot = row["slot"] + 1
            if not follow or (last is not None and slot > last):
                return
            await asyncio.sleep(FOLLOW_S)


async def _rows(source: _Source, first: int, last: int | None) -> AsyncIterator[Row]:
    """Yield what is there now, from *first* to *last* or to the end."""
    end = await source.last()
    async for row in source.rows(first, end if last is None else min(end, last)):
        yield row
