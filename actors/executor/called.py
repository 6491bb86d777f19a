"""Functions that read their arguments, and write their results, themselves: see `CalledAsJob`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar, Protocol, runtime_checkable

from seriatim.formats.jobs.outcome import Ending


@runtime_checkable
class CalledAsJob(Protocol):
    """What is found under a function's name where that is no plain function."""

    def call_as_job(self, arguments: bytes) -> bytes | Coroutine[Any, Any, bytes]:
        """Call the function with what JSON says; return JSON of the result, empty for nothing.

        Raises:
            NoUseError: the arguments are none, or the result is nothing for JSON.
        """

    def is_final(self, error: BaseException) -> bool:
        """Tell whether a job that has raised *error* would raise it again."""


class NoUseError(Exception):
    """A job that cannot succeed, however often it is tried."""

    ending: ClassVar[Ending] = Ending.RAISED


class BadArgumentsError(NoUseError):
    """Its arguments are none for its function."""

    ending = Ending.BAD_ARGUMENTS


class BadResultError(NoUseError):
    """What its function has returned is nothing that JSON can carry, or too much."""

    ending = Ending.BAD_RESULT
