"""``seriatim job add``: submit a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seriatim.gateway.cli.jobs.options import QUEUE_DEFAULT, Queue
from seriatim.gateway.cli.options import DATA_DEFAULT, Data, Json, NodeUrl
from seriatim.gateway.cli.output import print_json, printable, reporting
from seriatim.gateway.cli.reach import Plain, Reach, TokenFile
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


def add(  # typer reads options by position
    name: Annotated[str, typer.Argument(help="Its type: so many of one type run at once.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="Behind --: the program, and its arguments.")
    ] = None,
    args: Annotated[
        str | None, typer.Option(help="Instead of a command: the arguments of NAME, a JSON map.")
    ] = None,
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
    priority: Annotated[int, typer.Option(help="A greater one is first.")] = 0,
    delay: Annotated[str, typer.Option(help="It waits so long at least: '5 minutes'.")] = "",
    retries: Annotated[int, typer.Option(help="So often it may fail and be tried again.")] = 0,
    timeout: Annotated[str, typer.Option(help="An attempt may take so long: '30s'.")] = "",
    memory: Annotated[str, typer.Option(help="And have so much: '512MB'.")] = "",
    cpu: Annotated[str, typer.Option(help="And so much processor time: '1 minute'.")] = "",
    processes: Annotated[int, typer.Option(help="And so many OS processes.")] = 0,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for a command.")] = None,
    cwd: Annotated[str, typer.Option(help="Where a command starts.")] = "",
    unique: Annotated[
        str, typer.Option(help="While a job with this key has not ended, this is that one.")
    ] = "",
    key: Annotated[str, typer.Option(help="Of one key, one at a time.")] = "",
    takes: Annotated[
        list[str] | None, typer.Option(help="NAME=COUNT: tokens that it takes meanwhile.")
    ] = None,
    node: NodeUrl = None,
    data: Data = DATA_DEFAULT,
    token_file: TokenFile = None,
    *,
    as_json: Json = False,
) -> None:
    """Submit a job: a command, or with --args one for a function. Print its id."""
    limits = {"wall": timeout, "memory": memory, "cpu": cpu, "processes": processes}
    with reporting(as_json=as_json):
        said: dict[str, Any] = {
            "id": job_id,
            "type": name,
            "after": _edges(fail=after, run=after_any_end, skip=unless_failed),
            "priority": priority,
            "delay_ms": _duration(delay),
            "retries": retries,
            "limits": {key: value for key, value in limits.items() if value},
            "unique": unique,
            "key": key,
            "takes": {token: _count(token, text) for token, text in _pairs("takes", takes)},
            **_work(command, args, dict(_pairs("env", env)), cwd),
        }
    job = {key: value for key, value in said.items() if value}
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


def _work(
    command: list[str] | None, args: str | None, env: dict[str, str], cwd: str
) -> dict[str, Any]:
    """Return what a job says of what it does."""
    if command and args is not None:
        raise typer.BadParameter("give a command, or --args, not both")
    if command:
        return {"command": {"argv": command, "env": env, "cwd": cwd}}
    if args is None:
        raise typer.BadParameter("give a command behind --, or --args")
    try:
        return {"args": json.loads(args)}
    except ValueError as error:
        raise typer.BadParameter(f"--args is no JSON: {error}") from error


def _pairs(option: str, texts: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for each in texts or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--{option} {each!r} is not NAME=VALUE")
        pairs.append((name, value))
    return pairs


def _count(token: str, text: str) -> int:
    if not text.isdecimal():
        raise typer.BadParameter(f"--takes {token}={text}: expected a whole number")
    return int(text)


def _duration(text: str) -> int:
    from seriatim.formats.recurrence.interval import parse_duration

    return parse_duration(text) if text else 0
