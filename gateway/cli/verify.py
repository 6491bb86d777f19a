"""``seriatim verify`` and ``seriatim export``: proof that needs no node."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, Process
from seriatim.gateway.cli.output import Exit, print_json, reporting

if TYPE_CHECKING:
    from seriatim.formats.schedule.record import Record

    Log = tuple[bytes, int, Iterator[tuple[int, Record]]]


def verify(
    what: Annotated[str, typer.Argument(help="A process id, or a file made by export.")],
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Check every slot offline: ids, chain, signatures, and what each one covers."""
    from seriatim.formats.errors import ChainBrokenError
    from seriatim.formats.schedule.audit import Audit

    with reporting(as_json=as_json), _open_log(what, data) as (process, slots, records):
        audit = Audit(process)
        try:
            with _progress(slots, hidden=as_json) as advance:
                for slot, record in records:
                    audit.add(slot, record)
                    advance()
            if audit.slots != slots:
                raise ChainBrokenError(
                    process=what, slot=audit.slots, expected=f"{slots} slots", given="the end"
                )
        except ChainBrokenError as error:
            _say_broken(error, as_json=as_json)
            raise typer.Exit(Exit.FAILED) from None
        _say_good(audit, as_json=as_json)


def export(
    process: Process,
    out: Annotated[Path, typer.Option(help="The file to write; - is stdout.")] = Path("-"),
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Write a process's log as JSON lines that anybody can verify."""
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import decode_id
    from seriatim.formats.schedule.export import (
        ExportHeader,
        encode_header,
        encode_slot,
    )

    with reporting(as_json=as_json), open_offline(data) as folder:
        known = decode_id(process)
        head = folder.head(known)
        with _whole_file(out) as file:
            file.write(encode_header(ExportHeader(known, head.variant, head.slot + 1)))
            for slot, record in folder.records(known, 0, head.slot):
                file.write(encode_slot(slot, record))
        if out != Path("-"):
            summary = {"process": process, "slots": head.slot + 1, "file": str(out)}
            if as_json:
                print_json(summary)
            else:
                typer.echo(f"{summary['slots']} slots in {out}")


@contextmanager
def _open_log(what: str, data: Path) -> Iterator[Log]:
    """Yield process, number of slots and records of an export file or a process."""
    from seriatim.actors.offline import open_offline
    from seriatim.formats.ids import decode_id
    from seriatim.formats.schedule.export import decode_export

    file = Path(what)
    if file.is_file():
        with file.open("rb") as lines:
            header, records = decode_export(lines)
            yield header.process, header.slots, records
        return
    process = decode_id(what)
    with open_offline(data) as folder:
        head = folder.head(process)
        yield process, head.slot + 1, folder.records(process, 0, head.slot)


@contextmanager
def _progress(slots: int, *, hidden: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task("verifying", total=slots)
        yield lambda: progress.advance(task)


def _say_good(audit: Any, *, as_json: bool) -> None:
    from seriatim.actors.embedded import report_of

    report = report_of(audit)._asdict()
    if as_json:
        print_json({"ok": True, **report})
        return
    typer.echo(
        f"good  {report['process']}  {report['variant']}  {report['slots']} slots, "
        f"{report['signatures']} signatures\n      scheduler {report['scheduler'] or '(unsigned)'}"
    )


def _say_broken(error: Any, *, as_json: bool) -> None:
    found = {
        "ok": False,
        "error": error.code,
        "process": error.process,
        "slot": error.slot,
        "expected": error.expected,
        "given": error.given,
    }
    if as_json:
        print_json(found)
    else:
        typer.echo(f"bad   {error}", err=True)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that is at *path* when it is whole, and not before; ``-`` is stdout."""
    if path == Path("-"):
        yield sys.stdout.buffer
        return
    partial = path.with_name(f".{path.name}.new")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
