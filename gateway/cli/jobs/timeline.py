"""``seriatim queue timeline``: what each worker has run when, as text or as a picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.formats.limits import API_PAGE_MAX, TIMELINE_SHOWN_MAX
from seriatim.gateway.cli.jobs.lines import time_text
from seriatim.gateway.cli.jobs.queue import Name
from seriatim.gateway.cli.jobs.said import duration_of
from seriatim.gateway.cli.output import print_json, printable
from seriatim.gateway.cli.reach import Plain, Reach, of_node

if TYPE_CHECKING:
    from seriatim.formats.timeline.rows import Drawn
    from seriatim.gateway.api_client import ApiClient


@of_node
def show_timeline(
    reach: Reach,
    name: Name,
    since: Annotated[
        str, typer.Option(help="How long ago it begins: '10 minutes'.")
    ] = "10 minutes",
    svg: Annotated[Path | None, typer.Option(help="Write a picture to this file.")] = None,
) -> None:
    """Show what each worker has run of NAME, and when; '<' and '>' are open at the edges."""
    since_ms = duration_of("--since", since)

    async def ask(client: ApiClient) -> Plain:
        return await _window(client, name, since_ms)

    def say(found: Plain) -> None:
        from seriatim.formats.timeline.rows import draw
        from seriatim.formats.timeline.svg import svg as picture

        drawn = draw(name, found["from_ms"], found["to_ms"], found["spans"])
        if svg is not None:
            svg.write_bytes(picture(drawn, time_text))
        if reach.as_json:
            print_json(found)
            return
        for line in _lines(drawn):
            typer.echo(printable(line))
        if found["after"] is not None:
            typer.echo(f"only the first {TIMELINE_SHOWN_MAX} to end are shown", err=True)

    reach.ask(ask, say)


async def _window(client: ApiClient, queue: str, since_ms: int) -> Plain:
    """Return the last *since_ms* of *queue*, ``TIMELINE_SHOWN_MAX`` spans or so at most."""
    path = ("queues", queue, "timeline")
    # The node's clock says when now is.
    found = await client.ask("GET", path, query={"limit": 1})
    to_ms = found["to_ms"]
    query = {"from_ms": max(to_ms - since_ms, 0), "to_ms": to_ms, "limit": API_PAGE_MAX}
    spans: list[Any] = []
    async for found in client.pages(path, query=query):  # the last one is meant
        spans += found["spans"]
        if len(spans) >= TIMELINE_SHOWN_MAX:
            break
    return {**found, "spans": spans}


def _lines(drawn: Drawn) -> Iterable[str]:
    from seriatim.formats.timeline.text import COLUMNS_MIN, gantt

    beside = max(map(len, drawn.workers), default=0) + len(" || 10000, 100% busy")
    columns = max(shutil.get_terminal_size().columns - beside, COLUMNS_MIN)
    return gantt(drawn, columns, time_text)
