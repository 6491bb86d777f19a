"""``seriatim flag``: what the operator wants of the whole node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import typer

from seriatim.gateway.cli.reach import Plain, Reach, of_node

Flag = Annotated[
    str,
    typer.Argument(
        help="stop: the node takes no new jobs; terminate: monitors end, and the node's rests."
    ),
]

flag_app: Final = typer.Typer(
    help="What is wanted of the whole node: stop, terminate.", no_args_is_help=True
)


@flag_app.command("list")
@of_node
def list_flags(
    reach: Reach,
) -> None:
    """List the flags, and whether they are set."""
    reach.show("GET", ("flags",), _lines)


@flag_app.command("set")
@of_node
def set_flag(
    reach: Reach,
    flag: Flag,
) -> None:
    """Have FLAG hold from now on, also after a restart."""
    _change(reach, {flag: True})


@flag_app.command("clear")
@of_node
def clear_flag(
    reach: Reach,
    flag: Flag,
) -> None:
    """Have FLAG hold no more."""
    _change(reach, {flag: False})


def _change(reach: Reach, change: Mapping[str, bool]) -> None:
    reach.show("POST", ("flags",), _lines, body=change)


def _lines(flags: Plain) -> Iterator[str]:
    for name, is_set in flags.items():
        yield f"{name}: {'set' if is_set else 'not set'}"
