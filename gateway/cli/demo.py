"""``seriatim demo``: thin, it lives in a room of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from seriatim.gateway.cli.options import Json
from seriatim.gateway.cli.output import Exit, print_json, reporting

if TYPE_CHECKING:
    from rich.table import Table

    from seriatim.gateway.demo.tour import Step


def demo(*, as_json: Json = False) -> None:
    """Take a tour on a throw-away folder: spawn, send, kill, restart, verify."""
    from rich.console import Console

    from seriatim.gateway.demo.tour import Tour

    console = Console(stderr=as_json)
    with (
        reporting(as_json=as_json),
        TemporaryDirectory(prefix="seriatim-demo-") as folder,
        console.status("starting") as status,
    ):
        steps = asyncio.run(Tour(Path(folder), say=status.update).take())
    held = all(step.held for step in steps)
    if as_json:
        print_json({"ok": held, "steps": [step._asdict() for step in steps]})
    else:
        console.print(_table(steps))
        console.print("everything held" if held else "[red]something did not hold")
    raise typer.Exit(Exit.OK if held else Exit.FAILED)


def _table(steps: Sequence[Step]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "step", "what happened", title="seriatim demo", title_justify="left")
    for step in steps:
        mark = Text("✓", "green") if step.held else Text("✗", "red")
        table.add_row(mark, step.name, Text(step.found))
    return table
