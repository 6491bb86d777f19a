"""``seriatim top``: queues and workers as they are, for people, once a second."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.gateway.cli.monitor import PERIOD_DEFAULT, Period
from seriatim.gateway.cli.output import print_json, reporting
from seriatim.gateway.cli.reach import Reach, of_node

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient

View = dict[str, Any]


@of_node
def top(
    reach: Reach,
    period: Period = PERIOD_DEFAULT,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once.")] = False,
) -> None:
    """Show what queues and workers do, until Ctrl-C; of a folder without a node, what it holds."""
    from seriatim.actors.offline import running_node

    data, as_json = reach.data, reach.as_json
    with reporting(as_json=as_json):
        running = None if reach.url else running_node(data)
        # A node within somebody's program answers nobody: then the folder is looked at.
        if not reach.url and (running is None or running.url is None):
            asyncio.run(_show(_of_folder(data, period), once=once, as_json=as_json))
            return

    async def ask(client: ApiClient) -> None:
        await _show(_of_node(client, period), once=once, as_json=as_json)

    reach.ask(ask, lambda _: None)


async def _of_node(client: ApiClient, period_s: float) -> AsyncIterator[View]:
    while True:
        yield await client.ask("GET", ("monitor",))
        await asyncio.sleep(period_s)


async def _of_folder(data: Path, period_s: float) -> AsyncIterator[View]:
    from seriatim.actors.monitor.folder import open_to_look
    from seriatim.actors.monitor.monitor import Monitor
    from seriatim.actors.runtime.clock import SystemClock

    clock = SystemClock(asyncio.get_running_loop())
    with open_to_look(data, clock) as look:
        observing = Monitor(
            look, clock, home="process", pid=os.getpid(), period_ms=round(period_s * 1_000)
        )
        yield observing.look_now()
        observing.start()
        try:
            while True:
                yield await observing.next_view()
        finally:
            observing.release()


async def _show(views: AsyncIterator[View], *, once: bool, as_json: bool) -> None:
    from rich.live import Live
    from rich.text import Text

    from seriatim.formats.monitor.hud import hud

    live = None if once or as_json else Live(auto_refresh=False, vertical_overflow="crop")

    def say(view: View) -> None:
        if as_json:
            print_json(view)
        elif live is None:
            typer.echo(hud(view))
        else:
            live.update(Text(hud(view), no_wrap=True, overflow="crop"), refresh=True)

    with live or nullcontext():
        await _each(views, say, once=once)


async def _each(views: AsyncIterator[View], say: Callable[[View], None], *, once: bool) -> None:
    """Have *say* each of *views*, or the first one only."""
    async for view in views:
        say(view)
        if once:
            break
