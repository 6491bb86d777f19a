"""What a command says: text for people or one JSON value, and the exit status.

The table of exit statuses is here; ``--help`` prints it, and ``docs/cli.md`` has a copy that a
test compares.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, Self

import orjson
import typer

from seriatim.formats.errors import (
    ChainBrokenError,
    ChildFailedError,
    ConflictError,
    DivergedError,
    NotFoundError,
    SchedulerError,
    StoreError,
    UnavailableError,
)


class Exit(IntEnum):
    """Exit statuses of every command, each with what it means."""

    meaning: str

    OK = 0, "fine"
    FAILED = 1, "a check has failed: a broken chain, a bad item, a source not to follow, jobs left"
    USAGE = 2, "usage"
    NOT_FOUND = 3, "not found"
    REFUSED = 4, "refused: bad input, or a rule forbids it"
    UNAVAILABLE = 5, "unavailable: no node, or not now; the same again may work"
    STORE = 6, "the data folder or a file cannot be used: locked, newer, damaged, not readable"
    CANNOT_WRITE = 75, "the node had to end because it cannot write; restart it"

    def __new__(cls, status: int, meaning: str) -> Self:
        """Make the status *status*, an int like any other."""
        self = int.__new__(cls, status)
        self._value_ = status
        self.meaning = meaning
        return self


_STORE_KINDS: Final[list[type[StoreError]]] = [StoreError, *StoreError.__subclasses__()]
_STORE_CODES: Final = {kind.code for kind in _STORE_KINDS}


def exit_of(error: SchedulerError) -> Exit:
    """Return the exit status for *error*; of a child's error, the one for what failed in it."""
    if isinstance(error, ChildFailedError) and error.code in _STORE_CODES:
        return Exit.STORE
    kinds: tuple[tuple[type[SchedulerError], Exit], ...] = (
        (ChainBrokenError, Exit.FAILED),
        (DivergedError, Exit.FAILED),
        (NotFoundError, Exit.NOT_FOUND),
        (UnavailableError, Exit.UNAVAILABLE),
        (ConflictError, Exit.UNAVAILABLE),
        (StoreError, Exit.STORE),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), Exit.REFUSED)


def print_json(value: Any) -> None:
    """Write *value* as one line of JSON to stdout.

    The name of a file need not be text: what of it is none is a question mark.
    """
    try:
        line = orjson.dumps(value)
    except orjson.JSONEncodeError:
        line = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


@contextmanager
def reporting(*, as_json: bool) -> Iterator[None]:
    """Turn an error of the block into its sentence and its exit status.

    With *as_json* the sentence goes to stdout, as ``{"error": code, "reason": sentence}``.
    """
    try:
        yield
    except SchedulerError as error:
        say_error(error.code, str(error), as_json=as_json)
        raise typer.Exit(exit_of(error)) from None
    except BrokenPipeError:
        raise  # whoever reads our output has seen enough: typer ends quietly
    except OSError as error:
        if error.filename is None:  # only stdout has none: on it there is no more to say
            _drop_stdout()
            say_error("file", f"stdout: {error.strerror}", as_json=False)
        else:
            say_error("file", f"{error.filename}: {error.strerror}", as_json=as_json)
        raise typer.Exit(Exit.STORE) from None


def say_error(code: str, reason: str, *, as_json: bool) -> None:
    """Say what went wrong: as JSON on stdout, or as a line on stderr."""
    if as_json:
        print_json({"error": code, "reason": reason})
    else:
        typer.echo(printable(f"{code}: {reason}"), err=True)


def printable(text: str) -> str:
    """Return *text* as one line that cannot steer a terminal, whoever has chosen its words."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _drop_stdout() -> None:
    """Send what stdout still holds nowhere: Python would try, and fail, again when it ends."""
    with suppress(OSError):  # stdout is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_making(path: Path) -> None:
    """Say on stderr why the first start takes seconds."""
    typer.echo(f"Making an RSA-4096 wallet in {path}, once ...", err=True)
