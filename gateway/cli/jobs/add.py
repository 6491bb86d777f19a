"""``seriatim job add``: submit a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.gateway.cli.jobs.options import (
    QUEUE_DEFAULT,
    Args,
    Command,
    Cpu,
    Cwd,
    Env,
    Key,
    Memory,
    Priority,
    Processes,
    Queue,
    Retries,
    Takes,
    Timeout,
    Unique,
)
from seriatim.gateway.cli.jobs.said import say_job, say_work
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


def add(  # typer reads options by position
    name: Annotated[str, typer.Argument(help="Its type: so many of one type run at once.")],
    command: Command = None,
    args: Args = None,
    queue: Queue = QUEUE_DEFAULT,
    job_id: Annotated[
        str, typer.Option("--id", help="Its id; the same again is the same job.")
    ] = "",
    after: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and fails with it; repeatable.")
    ] = None,
    after_any_end: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and runs in any case.")
    ] = None,
    unless_failed: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and is cancelled with it.")
    ] = None,
    priority: Priority = 0,
    delay: Annotated[str, typer.Option(help="It waits so long at least: '5 minutes'.")] = "",
    retries: Retries = 0,
    timeout: Timeout = "",
    memory: Memory = "",
    cpu: Cpu = "",
    processes: Processes = 0,
    env: Env = None,
    cwd: Cwd = "",
    unique: Unique = "",
    key: Key = "",
    takes: Takes = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Submit a job: a command, or with --args one for a function. Print its id."""
    with reporting(as_json=as_json):
        job = say_job(
            name,
            say_work(command, args, env, cwd),
            limits={"wall": timeout, "memory": memory, "cpu": cpu, "processes": processes},
            takes=takes,
            id=job_id,
            after=_edges(fail=after, run=after_any_end, skip=unless_failed),
            delay_ms=_duration(delay),
            priority=priority,
            retries=retries,
            unique=unique,
            key=key,
        )
    _submit(Reach(node, data, token_file), queue, job, as_json=as_json)


def _submit(reach: Reach, queue: str, job: Plain, *, as_json: bool) -> None:
    async def submit(client: ApiClient) -> Plain:
        answer = await client.ask("POST", ("queues", queue, "jobs"), body={"jobs": [job]})
        submitted: Plain = field(answer, "jobs", list)[0]
        return {**submitted, "queue": queue}

    def say(submitted: Plain) -> None:
        if as_json:
            print_json(submitted)
        else:
            typer.echo(printable(field(submitted, "id", str)))

    reach.ask(submit, say, as_json=as_json)


def _edges(**jobs: list[str] | None) -> list[list[str]]:
    """Return what a job waits for, by what becomes of it otherwise."""
    return [[job, otherwise] for otherwise, each in jobs.items() for job in each or ()]


def _duration(text: str) -> int:
    from seriatim.formats.recurrence.interval import parse_duration

    return parse_duration(text) if text else 0
