"""What options say of a job, as the API takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import typer

from seriatim.formats.errors import MalformedError
from seriatim.gateway.cli.input import read_map

Plain = dict[str, Any]

# No integer of 64 bits has more.
_DIGITS_MAX: Final = 20


def say_work(
    command: list[str] | None, args: str | None, env: list[str] | None, cwd: str | None
) -> Plain:
    """Return what a job does: a command, or a function with these arguments.

    Raises:
        typer.BadParameter: it is neither, or both; an option cannot be read.
    """
    if command and args is not None:
        raise typer.BadParameter("give a command, or --args, not both")
    pairs = dict(_pairs("--env", env))
    if command:
        return {"command": {"argv": command, "env": pairs, "cwd": cwd or ""}}
    if args is None:
        raise typer.BadParameter("give a command behind --, or --args")
    if pairs or cwd is not None:
        raise typer.BadParameter("--env and --cwd are for a command")
    return {"args": read_map("--args", args)}


def say_job(kind: str, work: Plain, options: Mapping[str, Any]) -> Plain:
    """Return a job of the type *kind*, which every queue can read.

    Args:
        kind: its type.
        work: see `say_work`.
        options: whatever else is said, by the names of `OPTIONS`; see `was_said`.

    Raises:
        typer.BadParameter: an option cannot be read.
        FormatError: it is none; see `read_asked`.
    """
    from seriatim.formats.jobs.spec import read_asked

    said: Plain = {"type": kind, **work}
    for name, value in options.items():
        if not was_said(value):
            continue
        key, read = OPTIONS[name]
        group, _, member = key.rpartition(".")
        into = said.setdefault(group, {}) if group else said
        into[member] = read(f"--{name.replace('_', '-')}", value)
    try:
        read_asked(said)  # as the node does: here it is known which option said what
    except MalformedError as error:
        raise MalformedError(_by_option(error.reason), code=error.code) from error
    return said


def was_said(value: object) -> bool:
    """Tell whether an option with *value* was given. Empty text was: it is refused as a value."""
    return value is not None and value != []


def _by_option(reason: str) -> str:
    """Return *reason*, which begins with a key of a job, as one that begins with its option."""
    for name, (key, _) in OPTIONS.items():
        if reason.startswith((f"{key}:", f"{key}.")):
            option = f"--{name.replace('_', '-')}"
            # Where they have two names, the key says the unit.
            is_named_so = key.rpartition(".")[2] == name
            return (option if is_named_so else f"{option} ({key})") + reason[len(key) :]
    return reason


def _given(option: str, value: Any) -> Any:
    """Return *value*: the node reads it."""
    del option
    return value


def duration_of(option: str, text: str) -> int:
    """Return the milliseconds that *text* says, given as *option*."""
    from seriatim.formats.recurrence.interval import parse_duration

    try:
        return parse_duration(text)
    except MalformedError as error:
        raise MalformedError(f"{option}: {error.reason}", code=error.code) from error


def _instant(option: str, text: str) -> int:
    from seriatim.formats.recurrence.once import parse_instant

    try:
        return parse_instant(text, ZoneInfo("UTC"))
    except MalformedError as error:
        raise MalformedError(f"{option}: {error.reason}", code=error.code) from error


def _tokens(option: str, texts: list[str]) -> dict[str, int]:
    return {token: _count(option, token, text) for token, text in _pairs(option, texts)}


def _pairs(option: str, texts: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for each in texts or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option} {each!r} is not NAME=VALUE")
        pairs.append((name, value))
    return pairs


def _count(option: str, token: str, text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS_MAX:
        raise typer.BadParameter(f"{option} {token}={text}: expected a whole number")
    return int(text)


OPTIONS: Final[Mapping[str, tuple[str, Callable[[str, Any], Any]]]] = {
    "id": ("id", _given),
    "after": ("after", _given),
    "priority": ("priority", _given),
    "delay": ("delay_ms", duration_of),
    "at": ("due_ms", _instant),
    "deadline": ("deadline_ms", _instant),
    "retries": ("retries", _given),
    "backoff": ("backoff", read_map),
    "crashes_max": ("crashes_max", _given),
    "timeout": ("limits.wall", _given),
    "silence": ("silence_ms", duration_of),
    "lease": ("lease_ms", duration_of),
    "memory": ("limits.memory", _given),
    "cpu": ("limits.cpu", _given),
    "processes": ("limits.processes", _given),
    "output": ("limits.output", _given),
    "files": ("limits.files", _given),
    "unique": ("unique", _given),
    "key": ("key", _given),
    "takes": ("takes", _tokens),
}
"""The key of a job that each option says, those of `Limits` behind a dot, and who reads it."""
