"""``seriatim conform``: hold any node to what its protocol claims, from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.limits import CONFORM_EXAMPLES_DEFAULT
from seriatim.gateway.cli.options import Json, check_url
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting
from seriatim.gateway.conform.kind import Kind, Outcome

if TYPE_CHECKING:
    from rich.table import Table

    from seriatim.gateway.conform.report import Report, Result
    from seriatim.gateway.conform.talk.exchange import Exchange

_MARKS: Final = {
    Outcome.HOLDS: ("✓", "green"),
    Outcome.FAILS: ("✗", "red"),
    Outcome.SKIPPED: ("-", "yellow"),
}


def conform(  # typer reads options by position
    url: Annotated[
        str, typer.Argument(callback=check_url, help="The node to try, and to write to.")
    ],
    kind: Annotated[
        Kind | None, typer.Option(help="The API to try; all that the node speaks by default.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Names of checks, with commas between them; all by default.")
    ] = "",
    examples: Annotated[
        int, typer.Option(min=1, help="How many plans each check draws at most.")
    ] = CONFORM_EXAMPLES_DEFAULT,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same plans.")] = 0,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file too.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Try what a node's protocols claim. WRITES to the node: processes of its own.

    Ends with 1 when a claim does not hold.
    """
    from rich.console import Console

    with reporting(as_json=as_json):
        if junit is not None:
            junit.open("ab").close()  # a file that cannot be written is said before the work
        names = [name.strip() for name in only.split(",") if name.strip()]
        with (
            Console(stderr=True).status("starting") as status,
            TemporaryDirectory(prefix="seriatim-conform-") as folder,
        ):
            # What hypothesis keeps, tables of characters, it would leave in the current folder.
            os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", folder)
            report = _run(url, kind, names, examples=examples, seed=seed, say=status.update)
        if junit is not None:
            from seriatim.gateway.conform.junit import encode_junit

            junit.write_bytes(encode_junit(report))
        if as_json:
            print_json(report.to_plain())
        else:
            _show(report)
    raise typer.Exit(Exit.OK if report.ok else Exit.FAILED)


def _run(url: str, kind: Kind | None, only: list[str], **drawing: Any) -> Report:
    """Run the checks.

    Raises:
        UnsupportedError: the extra is not installed.
    """
    try:
        from seriatim.gateway.conform.run import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "hypothesis":
            raise
        raise UnsupportedError(
            "conform draws what it sends with hypothesis, which is not installed; "
            "install seriatim[conform], or in a clone: make setup"
        ) from None
    return run(url, kind=kind, only=only, **drawing)


def _show(report: Report) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(report))
    for result in report.results:
        if result.exchanges:
            typer.echo("\n".join(map(printable, _lines(result))) + "\n")
    held, failed, skipped = map(report.count, Outcome)
    typer.echo(
        f"{held} hold, {failed} fail, {skipped} skipped; "
        f"seed {report.seed}, up to {report.examples} plans for each check"
    )


def _table(report: Report) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "suite", "check", "claim", title=f"seriatim conform {report.url}")
    for result in report.results:
        claim = Text(result.claim)
        if result.reason:
            claim.append(f"\n{printable(result.reason)}", "bold")
        table.add_row(Text(*_MARKS[result.outcome]), result.kind, result.check, claim)
    return table


def _lines(result: Result) -> list[str]:
    """Return the conversation that shows a failure, two lines for each request."""
    lines = [f"{result.kind} {result.check} does not hold (source: {result.source})"]
    for number, exchange in enumerate(result.exchanges, 1):
        lines += _exchange_lines(number, exchange)
    return lines


def _exchange_lines(number: int, exchange: Exchange) -> list[str]:
    from seriatim.gateway.conform.talk.exchange import TELLING_HEADERS, describe_body, excerpt

    request, reply = exchange.request, exchange.reply
    words = [f"{number}. {request.method} {request.target}", *_header_words(request.headers)]
    if request.body:
        words.append(f"[{describe_body(request.body)}]")
    if exchange.at_once:
        words.append("(together with the one before)")
    came = ["no reply"]
    if reply is not None:
        telling = {name: reply.headers[name] for name in TELLING_HEADERS if name in reply.headers}
        came = [str(reply.status), *_header_words(telling), excerpt(reply.body)]
    return [f"  {'  '.join(words)}", f"     {'  '.join(came)}"]


def _header_words(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]
