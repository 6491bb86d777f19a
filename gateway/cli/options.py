"""Options and arguments that several commands share, each described once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperOption

from seriatim.formats.limits import API_PAGE_MAX

if TYPE_CHECKING:
    from seriatim.gateway.outbound import OutboundPolicy

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
LogJson = Annotated[
    bool, typer.Option("--log-json", help="Log as JSON, with a line for each step of a job.")
]
Data = Annotated[Path, typer.Option("--data", help="The node's data folder.")]


def check_url(text: str | None) -> str | None:
    """Return *text*, which has to be the URL of a node where there is one."""
    if text is None:
        return None
    from seriatim.formats.errors import OutboundError
    from seriatim.gateway.url import check_node_url

    try:
        return check_node_url(text)
    except OutboundError as error:
        raise typer.BadParameter(str(error)) from error


def read_outbound_policy(
    origins: Sequence[str] | None, networks: Sequence[str] | None
) -> OutboundPolicy:
    """Return what the operator allows: *origins* as URLs, *networks* as CIDR.

    Raises:
        typer.BadParameter: one of them is none.
    """
    from ipaddress import ip_network

    from seriatim.formats.errors import OutboundError
    from seriatim.gateway.outbound import OutboundPolicy
    from seriatim.gateway.url import read_url

    try:
        return OutboundPolicy(
            frozenset(read_url(each).origin for each in origins or ()),
            tuple(ip_network(each) for each in networks or ()),
        )
    except (OutboundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


FollowRedirects = Annotated[
    bool,
    typer.Option(
        "--follow-redirects",
        help="Go to other nodes: send on the requests for them, bring copies up to their sources, "
        "and copy what clients' hints lead to.",
    ),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        help="A node's URL where --follow-redirects may go, wherever it leads; repeatable."
    ),
]
AllowNetwork = Annotated[
    list[str] | None,
    typer.Option(help="Addresses besides public ones where it may go, too (CIDR); repeatable."),
]
NodeUrl = Annotated[
    str | None,
    typer.Option(
        "--node", callback=check_url, help="A node's URL; else the one on the data folder."
    ),
]
WalletFile = Annotated[
    Path | None, typer.Option("--wallet", help="Sign with this wallet; else the folder's own.")
]
Process = Annotated[str, typer.Argument(help="The process id, 43 characters.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="NAME=VALUE; may be given again and again.")
]
Text = Annotated[str | None, typer.Option("--text", help="The payload, as text.")]
DataFile = Annotated[
    typer.FileBinaryRead | None,
    typer.Option("--data-file", help="The payload, from a file; - is stdin."),
]

Limit = Annotated[int, typer.Option(min=1, max=API_PAGE_MAX, help="How many at most.")]
After = Annotated[
    str | None, typer.Option(help="What is behind that place: the page before names it.")
]

DATA_DEFAULT = Path("data")

_HYPHEN_ID: Final = re.compile(r"-[A-Za-z0-9_-]{42}")


class ProcessCommand(TyperCommand):
    """A command that takes a process id: one id in 64 starts with a hyphen, and is no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read *args*; ids go behind the ``--`` after which nothing is an option."""
        valued = {
            name
            for option in self.params
            if isinstance(option, TyperOption) and not option.is_flag
            for name in option.opts
        }
        ids = [
            place
            for place, arg in enumerate(args)
            if _HYPHEN_ID.fullmatch(arg) and (place == 0 or args[place - 1] not in valued)
        ]
        if ids and "--" not in args:
            others = [arg for place, arg in enumerate(args) if place not in ids]
            args = [*others, "--", *(args[place] for place in ids)]
        return super().parse_args(ctx, args)
