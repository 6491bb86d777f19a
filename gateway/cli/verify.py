"""``seriatim verify`` and ``seriatim export``: proof that needs no node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting
from seriatim.gateway.cli.progress import progress

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
            with progress("verifying", hidden=as_json) as tell:
                report = check_log(log, on_slot=tell)
        except ChainBrokenError as error:
            _say_broken(error, as_json=as_json)
            raise typer.Exit(Exit.FAILED) from None
        _say_good(report, as_json=as_json)


def export(
    what: Annotated[str, typer.Argument(help="A process id, or the name of a queue.")],
    out: Annotated[Path, typer.Option(help="The file to write; - is stdout.")] = STDOUT,
    data: Data = DATA_DEFAULT,
    *,
    as_json: Json = False,
) -> None:
    """Write a log as JSON lines that anybody can verify; a queue's, import takes, too."""
    from seriatim.actors.proof import encode_log, write_export
    from seriatim.formats.ids import encode_id

    with reporting(as_json=as_json), _open_process(what, data) as log:
        if out == STDOUT:
            sys.stdout.buffer.writelines(encode_log(log))
            sys.stdout.buffer.flush()
            return
        write_export(log, out)
        if as_json:
            process = encode_id(log.header.process)
            print_json({"process": process, "slots": log.header.slots, "file": str(out)})
        else:
            typer.echo(printable(f"{log.header.slots} slots in {out}"))


def _open_log(what: str, data: Path) -> AbstractContextManager[LogCopy]:
    from seriatim.actors.proof import open_export
    from seriatim.formats.ids import ID_CHARS

    file = Path(what)
    if file.exists() or len(what) != ID_CHARS:
        return open_export(file)
    return _open_process(what, data)


def _open_process(what: str, data: Path) -> AbstractContextManager[LogCopy]:
    from seriatim.actors.offline import named_process
    from seriatim.actors.proof import open_folder_log

    return open_folder_log(data, named_process(data, what))


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
