"""``seriatim cron pause``, ``resume``, ``trigger``, ``backfill`` and ``remove``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from seriatim.gateway.cli.cron.lines import event_line, next_text
from seriatim.gateway.cli.cron.trigger_path import Trigger, path_of
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field


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

    Reach(node, data, token_file).show(
        "POST",
        path_of(trigger, "backfill"),
        lambda done: [line(done)],
        body={"from": first, "to": last},
        as_json=as_json,
    )


def _changing(
    method: str, *more: str, line: Callable[[Plain], str], says: str
) -> Callable[..., None]:
    """Return the command that asks for a change of one trigger, and prints its answer by *line*.

    Args:
        method: of HTTP.
        more: what stands behind the trigger in the path.
        line: what people are shown.
        says: what the command does, for its help.
    """

    def change(
        trigger: Trigger,
        node: NodeUrl = None,
        data: Data = DATA_DEFAULT,
        token_file: TokenFile = None,
        *,
        as_json: Json = False,
    ) -> None:
        Reach(node, data, token_file).show(
            method, path_of(trigger, *more), lambda done: [line(done)], as_json=as_json
        )

    change.__doc__ = says
    return change


def _state_line(trigger: Plain) -> str:
    line = f"{field(trigger, 'id', str)}  {field(trigger, 'state', str)}"
    return f"{line}  next {next_text(trigger)}" if trigger.get("next") else line


pause = _changing(
    "POST", "pause", line=_state_line, says="Have TRIGGER fire no more until it is resumed."
)
resume = _changing(
    "POST",
    "resume",
    line=_state_line,
    says="Have TRIGGER fire again; what was due meanwhile is missed.",
)
trigger = _changing(
    "POST",
    "fire",
    line=event_line,
    says="Have TRIGGER fire now, beside its times, paused or over as it may be.",
)
remove = _changing("DELETE", line=_state_line, says="Take TRIGGER away; its history stays.")
