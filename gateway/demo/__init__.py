"""``seriatim demo``: a tour on a throw-away folder that checks everything it shows."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seriatim.gateway.cli.output import Exit, print_json
from seriatim.gateway.demo.tour import Step, Tour


def main(*, as_json: bool) -> int:
    """Take the tour and print what it did; return the exit status, 0 when all of it held."""
    console = Console(stderr=as_json)
    folders = tempfile.TemporaryDirectory(prefix="seriatim-demo-")
    with folders as folder, console.status("starting") as status:
        tour = Tour(Path(folder), say=status.update)
        steps = asyncio.run(tour.take())
    held = all(step.held for step in steps)
    if as_json:
        print_json({"ok": held, "steps": [step._asdict() for step in steps]})
    else:
        console.print(_table(steps))
        console.print("everything held" if held else "[red]something did not hold")
    return Exit.OK if held else Exit.FAILED


def _table(steps: list[Step]) -> Table:
    table = Table("", "step", "what happened", title="seriatim demo", title_justify="left")
    for step in steps:
        table.add_row("[green]✓" if step.held else "[red]✗", step.name, step.found)
    return table
