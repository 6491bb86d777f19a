"""What options say of a job, as the API takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import typer

Plain = dict[str, Any]
Limits = Mapping[str, str | int]
"""What an attempt may use, by name; what is empty is not said."""


def say_work(command: list[str] | None, args: str | None, env: list[str] | None, cwd: str) -> Plain:
    """Return what a job does: a command, or a function with these arguments.

    Raises:
        typer.BadParameter: it is neither, or both; an option cannot be read.
    """
    if command and args is not None:
        raise typer.BadParameter("give a command, or --args, not both")
    pairs = dict(_pairs("env", env))
    if command:
        return {"command": {"argv": command, "env": pairs, "cwd": cwd}}
    if args is None:
        raise typer.BadParameter("give a command behind --, or --args")
    if pairs or cwd:
        raise typer.BadParameter("--env and --cwd are for a command")
    try:
        return {"args": json.loads(args)}
    except ValueError as error:
        raise typer.BadParameter(f"--args is no JSON: {error}") from error


def say_job(
    kind: str,
    work: Plain,
    *,
    limits: Limits,
    takes: list[str] | None,
    **more: object,
) -> Plain:
    """Return a job of the type *kind*; what is empty is left out.

    Args:
        kind: its type.
        work: see `say_work`.
        limits: by name.
        takes: tokens, ``NAME=COUNT`` each.
        more: whatever else it says, by name.

    Raises:
        typer.BadParameter: an option cannot be read.
    """
    bounds = {name: value for name, value in limits.items() if value}
    tokens = {token: _count(token, text) for token, text in _pairs("takes", takes)}
    said = {"type": kind, **more, "limits": bounds, "takes": tokens}
    return {name: value for name, value in said.items() if value} | work


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
