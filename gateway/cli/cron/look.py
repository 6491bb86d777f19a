"""``seriatim cron list``, ``show`` and ``history``: what there is, and what has happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.formats.limits import API_PAGE_MAX, PAGE_DEFAULT
from seriatim.gateway.cli.cron.lines import (
    action_text,
    event_line,
    local_text,
    next_text,
    trigger_row,
    when_text,
)
from seriatim.gateway.cli.cron.trigger_path import Trigger, path_of
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.cli.table import table
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient

_HEAD = ["id", "state", "next", "when", "does", "name"]

Limit = Annotated[int, typer.Option(min=1, max=API_PAGE_MAX, help="How many at most.")]


def list_triggers(
    limit: Limit = PAGE_DEFAULT,
    after: Annotated[str | None, typer.Option(help="Those behind this id.")] = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """List the triggers of a node, by the text of their ids."""

    def lines(page: Plain) -> Iterable[str]:
        return table([_HEAD, *map(trigger_row, field(page, "triggers", list))])

    _page(Reach(node, data, token_file), ("triggers",), limit, after, lines, as_json=as_json)


def history(
    trigger: Trigger,
    limit: Limit = PAGE_DEFAULT,
    after: Annotated[int, typer.Option(min=-1, help="What is behind this number.")] = -1,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what has happened to TRIGGER, also after it was removed."""

    def lines(page: Plain) -> Iterable[str]:
        return map(event_line, field(page, "history", list))

    path = path_of(trigger, "history")
    _page(Reach(node, data, token_file), path, limit, after, lines, as_json=as_json)


def show(
    trigger: Trigger,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what TRIGGER is, and when it is due next."""

    async def ask(client: ApiClient) -> Plain:
        return await client.ask("GET", path_of(trigger))

    def say(found: Plain) -> None:
        if as_json:
            print_json(found)
            return
        for line in _lines_of(found):
            typer.echo(line)

    Reach(node, data, token_file).ask(ask, say, as_json=as_json)


def _page(
    reach: Reach,
    path: tuple[str, ...],
    limit: int,
    after: str | int | None,
    lines: Callable[[Plain], Iterable[str]],
    *,
    as_json: bool,
) -> None:
    """Print one page of a list, and for people how to have the next one."""

    async def ask(client: ApiClient) -> Plain:
        return await client.ask("GET", path, query={"limit": limit, "after": after})

    def say(page: Plain) -> None:
        if as_json:
            print_json(page)
            return
        for line in lines(page):
            typer.echo(line)
        if page.get("after") is not None:
            typer.echo(printable(f"there are more: --after {page['after']}"), err=True)

    reach.ask(ask, say, as_json=as_json)


def _lines_of(trigger: Plain) -> Iterable[str]:
    definition = field(trigger, "definition", dict)
    told = {"when", "watch", "tz", "process", "path", "function", "method", "name"}
    rows = [
        ["id", field(trigger, "id", str)],
        ["name", str(definition.get("name", "-"))],
        ["state", field(trigger, "state", str)],
        ["defined", local_text(field(trigger, "defined", str))],
        ["when", when_text(definition)],
        ["next", next_text(trigger)],
        ["does", action_text(definition)],
        *([["hook", field(trigger, "hook", str)]] if "hook" in trigger else []),
        *([key, str(value)] for key, value in definition.items() if key not in told),
    ]
    return table(rows)
