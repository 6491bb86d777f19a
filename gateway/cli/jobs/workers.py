"""``seriatim worker list`` and ``drain``: who runs jobs of a node, and having one of them end."""

from __future__ import annotations

from typing import Annotated

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field


def list_workers(
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """List the workers: what they have said last, and for how long they are silent."""
    from seriatim.formats.monitor.hud import worker_lines

    Reach(node, data, token_file).show(
        "GET",
        ("workers",),
        lambda found: worker_lines(field(found, "workers", list)),
        as_json=as_json,
    )


def drain(
    name: Annotated[str, typer.Argument(help="The worker's name, as worker list has it.")],
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have NAME finish what it has, take nothing more, and end. It is not waited for."""

    def line(told: Plain) -> str:
        return f"{field(told, 'worker', str)} is told: it gets nothing more, and ends"

    Reach(node, data, token_file).show(
        "POST", ("workers", name, "drain"), lambda told: [line(told)], as_json=as_json
    )
