"""``seriatim cron pause``, ``resume``, ``trigger``, ``backfill`` and ``remove``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.gateway.cli.cron.lines import event_line, next_text
from seriatim.gateway.cli.cron.reach import Plain, Reach, TokenFile, Trigger, path_of
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


def pause(
    trigger: Trigger,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have TRIGGER fire no more until it is resumed."""
    reach, path = Reach(node, data, token_file), path_of(trigger, "pause")
    _do(reach, "POST", path, _state_line, as_json=as_json)


def resume(
    trigger: Trigger,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have TRIGGER fire again; what was due meanwhile is missed."""
    reach, path = Reach(node, data, token_file), path_of(trigger, "resume")
    _do(reach, "POST", path, _state_line, as_json=as_json)


def trigger(
    trigger: Trigger,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have TRIGGER fire now, beside its times, paused or over as it may be."""
    reach, path = Reach(node, data, token_file), path_of(trigger, "fire")
    _do(reach, "POST", path, event_line, as_json=as_json)


def remove(
    trigger: Trigger,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Take TRIGGER away; its history stays."""
    reach, path = Reach(node, data, token_file), path_of(trigger)
    _do(reach, "DELETE", path, _state_line, as_json=as_json)


def backfill(
    trigger: Trigger,
    first: Annotated[str, typer.Option("--from", help="The first time (ISO 8601), included.")],
    last: Annotated[str, typer.Option("--to", help="The last time, included.")],
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Have the times of TRIGGER in a range fire that are over and have not fired."""

    def line(done: Plain) -> str:
        fired, before = field(done, "fired", int), field(done, "had_fired", int)
        return f"{fired} fired, {before} had fired before"

    reach, path = Reach(node, data, token_file), path_of(trigger, "backfill")
    _do(reach, "POST", path, line, body={"from": first, "to": last}, as_json=as_json)


def _do(
    reach: Reach,
    method: str,
    path: tuple[str, ...],
    line: Callable[[Plain], str],
    *,
    body: Mapping[str, object] | None = None,
    as_json: bool,
) -> None:
    """Have the node do something, and print what it answers, as JSON or by *line*."""

    async def ask(client: ApiClient) -> Plain:
        return await client.ask(method, path, body=body)

    def say(done: Plain) -> None:
        if as_json:
            print_json(done)
        else:
            typer.echo(printable(line(done)))

    reach.ask(ask, say, as_json=as_json)


def _state_line(trigger: Plain) -> str:
    line = f"{field(trigger, 'id', str)}  {field(trigger, 'state', str)}"
    return f"{line}  next {next_text(trigger)}" if trigger.get("next") else line
