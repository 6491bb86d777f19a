"""``seriatim log`` and ``seriatim processes``: what has which slot, read offline or over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl, Process
from seriatim.gateway.cli.output import print_json, reporting

FOLLOW_S = 0.5
_PAGE = 500

Row = dict[str, Any]


def log(  # typer reads options by position
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
        rows = _remote(node, process) if node else _offline(data, process)
        asyncio.run(_show(rows, first, last, follow=follow, as_json=as_json))


def processes(data: Data = DATA_DEFAULT, *, as_json: Json = False) -> None:
    """List the processes of a data folder."""
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import encode_id

    with reporting(as_json=as_json), open_offline(data) as folder:
        found = [
            {"process": encode_id(process), "slots": head.slot + 1, "variant": head.variant.tag}
            for process, head in folder.processes()
        ]
        if as_json:
            print_json(found)
        for row in () if as_json else found:
            typer.echo(f"{row['process']}  {row['variant']:10}  {row['slots']} slots")


class _Source:
    """Where rows come from: the rows of a range of slots, and the last slot."""

    async def last(self) -> int:
        raise NotImplementedError

    def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        raise NotImplementedError


async def _show(
    source: _Source, first: int, last: int | None, *, follow: bool, as_json: bool
) -> None:
    gathered: list[Row] = []
    slot = first
    while True:
        end = await source.last()
        async for row in source.rows(slot, end if last is None else min(end, last)):
            slot = row["slot"] + 1
            if not as_json:
                typer.echo(_line(row))
            elif follow:
                print_json(row)
            else:
                gathered.append(row)
        if not follow or (last is not None and slot > last):
            break
        await asyncio.sleep(FOLLOW_S)
    if as_json and not follow:
        print_json(gathered)


class _Offline(_Source):
    def __init__(self, data: Path, process: str) -> None:
        self._data = data
        self._process = process

    async def last(self) -> int:
        from seriatim.actors.offline import open_offline
        from seriatim.formats.ids import decode_id

        with open_offline(self._data) as folder:
            return folder.head(decode_id(self._process)).slot

    async def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        for row in _rows(self._data, self._process, first, last):
            yield row


class _Remote(_Source):
    def __init__(self, url: str, process: str) -> None:
        self._url = url
        self._process = process

    async def last(self) -> int:
        from seriatim.gateway.client import connect

        async with connect(self._url) as client:
            return await client.slot(self._process)

    async def rows(self, first: int, last: int) -> AsyncIterator[Row]:
        from seriatim.gateway.client import connect

        async with connect(self._url) as client:
            for start in range(first, last + 1, _PAGE):
                page = await client.schedule(self._process, start, min(last, start + _PAGE - 1))
                for plain in sorted(page["assignments"].values(), key=lambda each: each["slot"]):
                    yield _row(plain)


def _offline(data: Path, process: str) -> _Source:
    return _Offline(data, process)


def _remote(url: str, process: str) -> _Source:
    return _Remote(url, process)


def _rows(data: Path, process: str, first: int, last: int) -> Iterator[Row]:
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import decode_id
    from seriatim.formats.wire.schedule import assignment_to_plain
    from seriatim.formats.wire.stored import StoredAssignment

    known = decode_id(process)
    with open_offline(data) as folder:
        for slot, record in folder.records(known, first, last):
            yield _row(assignment_to_plain(StoredAssignment(known, slot, record)))


def _row(plain: dict[str, Any]) -> Row:
    body = plain.get("body", {})
    commitments = body.get("commitments", {})
    owner = next((each["committer"] for each in commitments.values()), None)
    return {
        "slot": plain["slot"],
        "timestamp": plain["timestamp"],
        "message": plain["message"],
        "owner": owner,
        "action": body.get("action") or body.get("type"),
        "data_size": _size(body),
        "hash_chain": plain["hash-chain"],
    }


def _size(body: dict[str, Any]) -> int:
    from seriatim.formats.ids import b64url_decode

    if "data+base64url" in body:
        return len(b64url_decode(body["data+base64url"]))
    return len(str(body.get("data", "")).encode())


def _line(row: Row) -> str:
    time = datetime.fromtimestamp(row["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    owner = (row["owner"] or "unsigned")[:8]
    action = str(row["action"] or "-")[:24]
    return f"{row['slot']:>8}  {time}  {row['message']}  {owner:8}  {action:24}  {row['data_size']}"
