"""``seriatim job list``, ``show``, ``logs`` and ``stats``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.formats.limits import API_PAGE_MAX, PAGE_DEFAULT
from seriatim.gateway.cli.jobs.found import find_queue
from seriatim.gateway.cli.jobs.lines import job_lines, job_row, numbers_text
from seriatim.gateway.cli.jobs.options import QUEUE_DEFAULT, AnyQueue, Job, Queue
from seriatim.gateway.cli.options import After, Limit
from seriatim.gateway.cli.output import print_json
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.cli.table import table
from seriatim.gateway.printed import read_printed
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


@of_node
def list_jobs(
    reach: Reach,
    queue: Queue = QUEUE_DEFAULT,
    state: Annotated[str, typer.Option(help="Only in these states, between commas.")] = "",
    kind: Annotated[str, typer.Option("--type", help="Only of this type.")] = "",
    limit: Limit = PAGE_DEFAULT,
    after: After = None,
) -> None:
    """List jobs: a page, by state and id."""
    query = {"state": state or None, "type": kind or None, "limit": limit, "after": after}

    def lines(page: Plain) -> Iterable[str]:
        return table([job_row(each) for each in field(page, "jobs", list)])

    reach.show("GET", ("queues", queue, "jobs"), lines, query=query)


@of_node
def show(
    reach: Reach,
    job: Job,
    queue: AnyQueue = None,
) -> None:
    """Show what JOB is, and what has happened to it."""
    path = ("queues", queue, "jobs", job) if queue is not None else ("jobs", job)
    reach.show("GET", path, job_lines)


@of_node
def logs(
    reach: Reach,
    job: Job,
    queue: AnyQueue = None,
) -> None:
    """Print what JOB has printed, as it is: all of its attempts."""

    async def ask(client: ApiClient) -> bytes:
        where = await find_queue(client, job, queue)
        pages = client.pages(("queues", where, "jobs", job, "output"))
        return b"".join([read_printed(page) async for page in pages])

    def say(printed: bytes) -> None:
        if reach.as_json:
            print_json({"id": job, "output": printed.decode("utf-8", "replace")})
            return
        sys.stdout.buffer.write(printed)
        sys.stdout.flush()

    reach.ask(ask, say)


@of_node
def stats(
    reach: Reach,
    queue: Queue = QUEUE_DEFAULT,
) -> None:
    """Count the jobs of a queue: by state, and by type."""

    async def ask(client: ApiClient) -> Plain:
        now = await client.ask("GET", ("queues", queue))
        types: list[Any] = []
        path, query = ("queues", queue, "types"), {"limit": API_PAGE_MAX}
        async for page in client.pages(path, query=query):
            types += field(page, "types", list)
        return {**now, "types": types}

    def lines(found: Plain) -> Iterator[str]:
        yield f"{queue}: {numbers_text(found.get('states'))}"
        yield from table(
            [
                [f"  {field(each, 'type', str)}", numbers_text(each.get("states"))]
                for each in field(found, "types", list)
            ]
        )

    reach.tell(ask, lines)
