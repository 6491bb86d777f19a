"""The command line: ``seriatim VERB``. One file per verb or pair of verbs.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seriatim import __version__
from seriatim.gateway.cli.item import item
from seriatim.gateway.cli.log import log, processes
from seriatim.gateway.cli.send import send, spawn
from seriatim.gateway.cli.serve import serve
from seriatim.gateway.cli.tools import bench, demo
from seriatim.gateway.cli.verify import export, verify
from seriatim.gateway.cli.wallet import wallet_app

_EPILOG = (
    "Exit status: 0 fine, 1 a check failed, 2 usage, 3 not found, 4 refused, 5 unavailable, "
    "6 data folder, 75 the node cannot write."
)

app = typer.Typer(
    name="seriatim",
    help="A durable, verifiable message scheduler.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (serve, spawn, send, log, processes, verify, export, item, demo, bench):
    app.command()(command)
app.add_typer(wallet_app, name="wallet")


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
