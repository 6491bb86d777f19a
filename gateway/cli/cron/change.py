"""``seriatim cron pause``, ``resume``, ``trigger``, ``backfill`` and ``remove``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from seriatim.gateway.cli.cron.lines import event_line, next_text
from seriatim.gateway.cli.cron.trigger_path import Trigger, path_of
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.reply import field


@of_node
def backfill(
    reach: Reach,
    trigger: Trigger,
    first: Annotated[str, typer.Option("--from", help="The first time (ISO 8601), included.")],
    last: Annotated[str, typer.Option("--to", help="The last time, included.")],
) -> None:
    """Have the times of TRIGGER in a range fire that are over and have not fired."""

    def line(done: Plain) -> str:
        fired, before = field(done, "fired", int), field(done, "had_fired", int)
        return f"{fired} fired, {before} had fired before"

    reach.show(
        "POST",
        path_of(trigger, "backfill"),
        lambda done: [line(done)],
        body={"from": first, "to": last},
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

    @of_node
    def change(
        reach: Reach,
        trigger: Trigger,
    ) -> None:
        reach.show(method, path_of(trigger, *more), lambda done: [line(done)])

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
