"""``seriatim job add``: submit a job."""

from __future__ import annotations

import asyncio
from secrets import token_bytes
from typing import TYPE_CHECKING, Annotated

import typer

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.cli.jobs import options
from seriatim.gateway.cli.jobs.said import say_job, say_work
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


@of_node
def add(  # typer reads options by position
    reach: Reach,
    name: Annotated[str, typer.Argument(help="Its type: so many of one type run at once.")],
    command: options.Command = None,
    args: options.Args = None,
    queue: options.Queue = options.QUEUE_DEFAULT,
    job_id: Annotated[
        str | None, typer.Option("--id", help="Its id; the same again is the same job.")
    ] = None,
    after: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and fails with it; repeatable.")
    ] = None,
    after_any_end: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and runs in any case.")
    ] = None,
    unless_failed: Annotated[
        list[str] | None, typer.Option(help="It waits for this job, and is cancelled with it.")
    ] = None,
    priority: options.Priority = None,
    delay: Annotated[
        str | None, typer.Option(help="It waits so long at least: '5 minutes'.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="Or until then (ISO 8601); without an offset, UTC.")
    ] = None,
    deadline: Annotated[str | None, typer.Option(help="By then it has to be done.")] = None,
    retries: options.Retries = None,
    backoff: options.Backoff = None,
    crashes_max: options.CrashesMax = None,
    timeout: options.Timeout = None,
    silence: options.Silence = None,
    lease: options.Lease = None,
    memory: options.Memory = None,
    cpu: options.Cpu = None,
    processes: options.Processes = None,
    output: options.Output = None,
    files: options.Files = None,
    env: options.Env = None,
    cwd: options.Cwd = None,
    unique: options.Unique = None,
    key: options.Key = None,
    takes: options.Takes = None,
) -> None:
    """Submit a job: a command, or with --args one for a function. Print its id."""
    edges = _edges(fail=after, run=after_any_end, skip=unless_failed)
    said: Plain = {"id": job_id, "after": edges, "priority": priority, "delay": delay, "at": at}
    said |= {"deadline": deadline, "retries": retries, "backoff": backoff, "timeout": timeout}
    said |= {"crashes_max": crashes_max, "silence": silence, "lease": lease, "memory": memory}
    said |= {"cpu": cpu, "processes": processes, "output": output, "files": files}
    said |= {"unique": unique, "key": key, "takes": takes}
    job = say_job(name, say_work(command, args, env, cwd), said)

    async def submit(client: ApiClient) -> Plain:
        # Whatever becomes of the answer: who knows the id can ask again.
        asked = {"id": _make_id(), **job}
        try:
            answer = await client.ask("POST", ("queues", queue, "jobs"), body={"jobs": [asked]})
        except UnavailableError as error:
            raise UnavailableError(
                f"{error}; with --id {asked['id']} the same again is the same job", code=error.code
            ) from error
        submitted: Plain = field(answer, "jobs", list)[0]
        return {**submitted, "queue": queue}

    reach.tell(submit, lambda submitted: [field(submitted, "id", str)])


def _make_id() -> str:
    from seriatim.actors.runtime.clock import SystemClock
    from seriatim.formats.jobs.job_id import ENTROPY_BYTES, make_job_id

    clock = SystemClock(asyncio.get_running_loop())
    return make_job_id(clock.now_ms(), token_bytes(ENTROPY_BYTES))


def _edges(**jobs: list[str] | None) -> list[list[str]]:
    """Return what a job waits for, by what becomes of it otherwise."""
    return [[job, otherwise] for otherwise, each in jobs.items() for job in each or ()]
