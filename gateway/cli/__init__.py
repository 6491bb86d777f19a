"""The command line: ``seriatim VERB``. One file per verb or pair of verbs.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from seriatim import __version__
from seriatim.gateway.cli.backup import backup
from seriatim.gateway.cli.bench import bench_app
from seriatim.gateway.cli.conform import conform
from seriatim.gateway.cli.cron import cron_app
from seriatim.gateway.cli.demo import demo
from seriatim.gateway.cli.flags import flag_app
from seriatim.gateway.cli.follow import follow
from seriatim.gateway.cli.importing import import_file
from seriatim.gateway.cli.item import item
from seriatim.gateway.cli.jobs import job_app, queue_app, worker_app
from seriatim.gateway.cli.location import location
from seriatim.gateway.cli.log import log, processes
from seriatim.gateway.cli.monitor import monitor
from seriatim.gateway.cli.options import ProcessCommand
from seriatim.gateway.cli.output import Exit, say_error
from seriatim.gateway.cli.send import send, spawn
from seriatim.gateway.cli.serve import serve
from seriatim.gateway.cli.top import top
from seriatim.gateway.cli.verify import export, verify
from seriatim.gateway.cli.wallet import wallet_app

_Verb = Callable[..., None]
_VERBS: Final[tuple[_Verb, ...]] = (
    serve,
    spawn,
    send,
    log,
    processes,
    verify,
    export,
    backup,
    follow,
    location,
    item,
    top,
    monitor,
    demo,
    conform,
)
_PROCESS_VERBS: Final[tuple[_Verb, ...]] = (send, log, verify, export, follow)


class _Commands(TyperGroup):
    """All verbs. Wrong usage is said as JSON, too, where JSON was asked for."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  # typer's own signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002  # as above
        **extra: Any,
    ) -> Any:
        """Run one verb and exit."""
        extra["windows_expand_args"] = windows_expand_args
        run = partial(super().main, args, prog_name, complete_var, **extra)
        if not standalone_mode or "--json" not in (sys.argv[1:] if args is None else args):
            return run(standalone_mode=standalone_mode)
        try:
            status = run(standalone_mode=False)
        except TyperException as error:
            say_error("usage", error.format_message(), as_json=True)
            status = Exit.USAGE
        sys.exit(status)


app = typer.Typer(
    name="seriatim",
    cls=_Commands,
    help="A durable, verifiable message scheduler.",
    epilog="Exit status: " + "; ".join(f"{status} {status.meaning}" for status in Exit) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for verb in _VERBS:
    app.command(cls=ProcessCommand if verb in _PROCESS_VERBS else None)(verb)
app.command("import")(import_file)
app.add_typer(wallet_app, name="wallet")
app.add_typer(cron_app, name="cron")
app.add_typer(job_app, name="job")
app.add_typer(queue_app, name="queue")
app.add_typer(worker_app, name="worker")
app.add_typer(flag_app, name="flag")
app.add_typer(bench_app, name="bench")


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda value: _print_version(wanted=value))
    ] = False,
) -> None:
    """Give every message its place."""
    del version


def main() -> None:
    """Run the command line."""
    app()
