"""``seriatim worker list`` and ``drain``: who runs jobs of a node, and having one of them end."""

from __future__ import annotations

from typing import Annotated

import typer

from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.reply import field


@of_node
def list_workers(
    reach: Reach,
) -> None:
    """List the workers: what they have said last, and for how long they are silent."""
    from seriatim.formats.monitor.hud import worker_lines

    reach.show(
        "GET",
        ("workers",),
        lambda found: worker_lines(field(found, "workers", list)),
    )


@of_node
def drain(
    reach: Reach,
    name: Annotated[str, typer.Argument(help="The worker's name, as worker list has it.")],
) -> None:
    """Have NAME finish what it has, take nothing more, and end. It is not waited for."""

    def line(told: Plain) -> str:
        return f"{field(told, 'worker', str)} is told: it gets nothing more, and ends"

    reach.show("POST", ("workers", name, "drain"), lambda told: [line(told)])
