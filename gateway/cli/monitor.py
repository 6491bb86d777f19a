"""``seriatim monitor``: look at a data folder from an OS process of its own, which cannot write."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seriatim.formats.limits import (
    MONITOR_PERIOD_MAX_MS,
    MONITOR_PERIOD_MIN_MS,
    MONITOR_PERIOD_MS,
    WORKER_SLOW_MS,
    WORKER_STALE_MS,
)
from seriatim.gateway.cli.json_lines import log_as
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json
from seriatim.gateway.cli.output import Exit, print_json, printable, reporting, say_error

if TYPE_CHECKING:
    from seriatim.formats.monitor.episodes import Episodes

_S: Final = 1_000

Period = Annotated[
    float,
    typer.Option(
        min=MONITOR_PERIOD_MIN_MS / _S, max=MONITOR_PERIOD_MAX_MS / _S, help="Seconds per look."
    ),
]
PERIOD_DEFAULT: Final = MONITOR_PERIOD_MS / _S


def monitor(
    data: Data = DATA_DEFAULT,
    period: Period = PERIOD_DEFAULT,
    slow: Annotated[
        float, typer.Option(help="Silent for more seconds, a worker is slow.")
    ] = WORKER_SLOW_MS / _S,
    stale: Annotated[
        float, typer.Option(help="Silent for more seconds, it is stale, which is warned of.")
    ] = WORKER_STALE_MS / _S,
    *,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when there is nothing to do any more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Watch queues and workers, until Ctrl-C. With --json: one object per look and line."""
    from seriatim.formats.monitor.episodes import Episodes

    log_as(as_json=as_json)
    say: Callable[[dict[str, Any]], object] = print_json if as_json else _Say()
    with reporting(as_json=as_json):
        episodes = Episodes(round(slow * _S), round(stale * _S))
        watching = _watch(data, round(period * _S), episodes, say, until_idle=until_idle)
        is_idle = asyncio.run(watching)
    if until_idle and not is_idle:
        say_error("busy", "it has ended before all was idle", as_json=as_json)
        raise typer.Exit(Exit.FAILED)


async def _watch(
    data: Path,
    period_ms: int,
    episodes: Episodes,
    say: Callable[[dict[str, Any]], object],
    *,
    until_idle: bool,
) -> bool:
    """Look at *data* until a signal, the flag ``terminate``, or idleness if that is wanted.

    Returns:
        Whether all was idle when it was looked at last.
    """
    from seriatim.actors.monitor.folder import open_to_look
    from seriatim.actors.monitor.monitor import Monitor
    from seriatim.actors.runtime.clock import SystemClock
    from seriatim.gateway.stop import stop_signal

    clock = SystemClock(asyncio.get_running_loop())
    stop = stop_signal(clock)
    with open_to_look(data, clock) as look:
        observing = Monitor(
            look, clock, home="process", pid=os.getpid(), period_ms=period_ms, episodes=episodes
        )

        def on_view(view: dict[str, Any]) -> None:
            say(view)
            if until_idle and view["idle"]:
                stop.set()

        observing.on_view = on_view
        observing.on_end = stop.set
        observing.start()
        await stop.wait()
        observing.release()
        return observing.view is not None and bool(observing.view["idle"])


class _Say:
    """Says what has changed, a line each."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def __call__(self, view: dict[str, Any]) -> None:
        slots = ", ".join(f"{queue} {slot}" for queue, slot in view["slots"].items())
        lines = [f"idle at {slots}" if view["idle"] else "busy", *view["summary"]]
        for line in lines:
            if line not in self._said:
                typer.echo(printable(line))
        self._said = lines
