"""``seriatim bench`` and ``seriatim demo``: thin, they live in rooms of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import reporting


def bench(
    only: Annotated[
        str, typer.Option(help="Which parts: a in process, b HTTP, c pages, d memory and start.")
    ] = "a,b,c,d",
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small counts, for a look.")] = False,
    as_json: Json = False,
) -> None:
    """Measure this machine: each figure beside its own ceiling, in one run."""
    from seriatim.gateway.bench import main

    with reporting(as_json=as_json):
        raise typer.Exit(main(only=only.split(","), quick=quick, as_json=as_json, out=out))


def demo(*, as_json: Json = False) -> None:
    """Take a tour on a throw-away folder: spawn, send, kill, restart, verify."""
    from seriatim.gateway.demo import main

    with reporting(as_json=as_json):
        raise typer.Exit(main(as_json=as_json))
