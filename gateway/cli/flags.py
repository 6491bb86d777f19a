"""``seriatim flag``: what the operator wants of the whole node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import typer

from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile

Flag = Annotated[
    str, typer.Argument(help="stop: the node takes no new jobs; terminate: every monitor ends.")
]

flag_app: Final = typer.Typer(
    help="What is wanted of the whole node: stop, terminate.", no_args_is_help=True
)


@flag_app.command("list")
def list_flags(
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """List the flags, and whether they are set."""
    Reach(node, data, token_file).show("GET", ("flags",), _lines, as_json=as_json)


@flag_app.command("set")
def set_flag(
    flag: Flag,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have FLAG hold from now on, also after a restart."""
    _change(Reach(node, data, token_file), {flag: True}, as_json=as_json)


@flag_app.command("clear")
def clear_flag(
    flag: Flag,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have FLAG hold no more."""
    _change(Reach(node, data, token_file), {flag: False}, as_json=as_json)


def _change(reach: Reach, change: Mapping[str, bool], *, as_json: bool) -> None:
    reach.show("POST", ("flags",), _lines, body=change, as_json=as_json)


def _lines(flags: Plain) -> Iterator[str]:
    for name, is_set in flags.items():
        yield f"{name}: {'set' if is_set else 'not set'}"
