"""``seriatim cron add``: define a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from seriatim.gateway.cli.cron import options
from seriatim.gateway.cli.cron.lines import next_text
from seriatim.gateway.cli.input import read_body, read_map
from seriatim.gateway.cli.jobs import options as job_options
from seriatim.gateway.cli.jobs.said import say_job, say_work, was_said
from seriatim.gateway.cli.options import DataFile, Tags, Text
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient

_Work = tuple[list[str] | None, str | None, list[str] | None, str | None]


@of_node
def add(  # typer reads options by position
    reach: Reach,
    recurrence: options.Recurrence = None,
    command: job_options.Command = None,
    watch: options.Watch = None,
    process: options.Process = None,
    path: options.Path = None,
    job: options.Job = None,
    tag: Tags = None,
    text: Text = None,
    data_file: DataFile = None,
    method: options.Method = None,
    content_type: options.ContentType = None,
    args: job_options.Args = None,
    queue: job_options.Queue = job_options.QUEUE_DEFAULT,
    priority: job_options.Priority = None,
    retries: job_options.Retries = None,
    backoff: job_options.Backoff = None,
    crashes_max: job_options.CrashesMax = None,
    timeout: job_options.Timeout = None,
    silence: job_options.Silence = None,
    lease: job_options.Lease = None,
    memory: job_options.Memory = None,
    cpu: job_options.Cpu = None,
    processes: job_options.Processes = None,
    output: job_options.Output = None,
    files: job_options.Files = None,
    env: job_options.Env = None,
    cwd: job_options.Cwd = None,
    unique: job_options.Unique = None,
    key: job_options.Key = None,
    takes: job_options.Takes = None,
    name: options.Name = None,
    tz: options.Zone = None,
    start: options.Start = None,
    end: options.End = None,
    jitter: options.Jitter = None,
    misfire: options.Misfire = None,
    window: options.Window = None,
    overlap: options.Overlap = None,
    gap: options.Gap = None,
    fold: options.Fold = None,
) -> None:
    """Define a trigger; the same again is the same one. Print its id."""
    more: Plain = {"priority": priority, "retries": retries, "backoff": backoff, "timeout": timeout}
    more |= {"crashes_max": crashes_max, "silence": silence, "lease": lease, "memory": memory}
    more |= {"cpu": cpu, "processes": processes, "output": output, "files": files}
    more |= {"unique": unique, "key": key, "takes": takes}
    is_watched_job = watch is not None and job is not None
    when, words = _when_and_command(recurrence, command, is_command=is_watched_job)
    said: Plain = {"when": when, "watch": watch and read_map("--watch", watch), "name": name}
    said |= {"process": process, "path": path, "method": method, "content-type": content_type}
    said |= {"tz": tz, "start": start, "end": end, "jitter": jitter, "misfire": misfire}
    said |= {"window": window, "overlap": overlap, "gap": gap, "fold": fold}
    said["job"] = _job(job, queue, (words, args, env, cwd), more)
    payload = _payload(text, data_file)
    definition = {key: value for key, value in said.items() if value is not None}
    definition = {**_action(path, tag, payload), **definition}

    async def define(client: ApiClient) -> Plain:
        return await client.ask("POST", ("triggers",), body=definition)

    reach.tell(define, lambda trigger: [f"{field(trigger, 'id', str)}  next {next_text(trigger)}"])


def _action(
    path: str | None, tags: list[str] | None, payload: bytes | str | None
) -> Mapping[str, object]:
    """Return what a definition says of what is placed, or asked."""
    if path is None:
        return _message(tags, payload)
    if tags:
        raise typer.BadParameter("--tag is for the message that --process gets")
    return {} if payload is None else {"method": "POST", **_plain("body", payload)}


def _when_and_command(
    recurrence: str | None, command: list[str] | None, *, is_command: bool
) -> tuple[str | None, list[str] | None]:
    """Return the recurrence, and the command: all of it where there is no recurrence."""
    if recurrence is None or not is_command:
        return recurrence, command
    return None, [recurrence, *(command or ())]


def _job(kind: str | None, queue: str, work: _Work, options: Mapping[str, Any]) -> Plain | None:
    """Return what a definition says of the job of the type *kind*, if it is about one.

    Raises:
        typer.BadParameter, FormatError: see `say_work` and `say_job`.
    """
    if kind is None:
        if any(map(was_said, (*work, *options.values()))):
            raise typer.BadParameter(
                "a command, and what is said of a job, need its type: --job NAME"
            )
        return None
    command, args, env, cwd = work
    args = "{}" if args is None and not command else args
    return {"queue": queue} | say_job(kind, say_work(command, args, env, cwd), options)


def _payload(text: str | None, file: typer.FileBinaryRead | None) -> bytes | str | None:
    if text is not None and file is not None:
        raise typer.BadParameter("give --text or --data-file, not both")
    return text if file is None else read_body(file)


def _message(tags: list[str] | None, payload: bytes | str | None) -> Mapping[str, object]:
    """Return what a definition says of its message."""
    fields: dict[str, object] = {}
    for each in tags or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--tag {each!r} is not NAME=VALUE")
        if name in fields:
            raise typer.BadParameter(f"--tag {name} is given twice; a message has one of a name")
        fields[name] = value
    if payload is not None:
        fields |= _plain("data", payload)
    return {"message": fields} if fields else {}


def _plain(name: str, payload: bytes | str) -> dict[str, str]:
    """Return *payload* under *name* as JSON has it: text, or bytes that are none in base64url."""
    from seriatim.formats.ids import b64url
    from seriatim.formats.message import BINARY_SUFFIX

    if isinstance(payload, str):
        return {name: payload}
    try:
        return {name: payload.decode()}
    except UnicodeDecodeError:
        return {name + BINARY_SUFFIX: b64url(payload)}
