"""``seriatim verify`` and ``seriatim export``: proof that needs no node."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, Process
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from seriatim.actors.proof import LogCopy, Report
    from seriatim.formats.errors import ChainBrokenError

STDOUT = Path("-")


def verify(
    what: Annotated[str, typer.Argument(help="A process id, or a file made by export.")],
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Check every slot offline: ids, chain, signatures, and what each one covers."""
    from seriatim.actors.proof import check_log
    from seriatim.formats.errors import ChainBrokenError

    with reporting(as_json=as_json), _open_log(what, data) as log:
        try:
            with _progress(log.header.slots, hidden=as_json) as advance:
                report = check_log(log, on_slot=advance)
        except ChainBrokenError as error:
            _say_broken(error, as_json=as_json)
            raise typer.Exit(Exit.FAILED) from None
        _say_good(report, as_json=as_json)


def export(
    process: Process,
    out: Annotated[Path, typer.Option(help="The file to write; - is stdout.")] = STDOUT,
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Write a process's log as JSON lines that anybody can verify."""
    from seriatim.actors.proof import encode_log, open_folder_log, write_export
    from seriatim.formats.ids import decode_id

    with reporting(as_json=as_json), open_folder_log(data, decode_id(process)) as log:
        if out == STDOUT:
            sys.stdout.buffer.writelines(encode_log(log))
            sys.stdout.buffer.flush()
            return
        write_export(log, out)
        if as_json:
            print_json({"process": process, "slots": log.header.slots, "file": str(out)})
        else:
            typer.echo(printable(f"{log.header.slots} slots in {out}"))


def _open_log(what: str, data: Path) -> AbstractContextManager[LogCopy]:
    from seriatim.actors.proof import open_export, open_folder_log
    from seriatim.formats.ids import ID_CHARS, decode_id

    file = Path(what)
    if file.exists() or len(what) != ID_CHARS:
        return open_export(file)
    return open_folder_log(data, decode_id(what))


@contextmanager
def _progress(slots: int, *, hidden: bool) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = hidden or not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("verifying", total=slots)
        yield lambda: progress.advance(task)


def _say_good(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, **report._asdict()})
        return
    typer.echo(
        f"good  {report.process}  {report.variant}  {report.slots} slots, "
        f"{report.signatures} signatures\n      scheduler {report.scheduler or '(unsigned)'}"
    )


def _say_broken(error: ChainBrokenError, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(printable(f"bad   {error}"), err=True)
        return
    print_json(
        {
            "ok": False,
            "error": error.code,
            "process": error.process,
            "slot": error.slot,
            "expected": error.expected,
            "given": error.given,
        }
    )
