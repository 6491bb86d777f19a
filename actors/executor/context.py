"""What a function that is run as a job may know of that, and say while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final


class JobContext:
    """The attempt that is running.

    Attributes:
        facts: what its worker has told it of itself: JSON values.
    """

    __slots__ = ("_say", "facts")

    def __init__(
        self, facts: Mapping[str, Any], say: Callable[[Mapping[str, Any]], object]
    ) -> None:
        self.facts = facts
        self._say = say

    def say(self, said: Mapping[str, Any]) -> None:
        """Tell the worker how far it is, or that it is alive: whatever JSON can carry.

        Raises:
            TypeError: JSON cannot carry it.
            LimitExceededError: it takes more than ``JOB_SAID_MAX_BYTES``.
        """
        self._say(said)


current: Final[ContextVar[JobContext]] = ContextVar("seriatim_job")
"""The context of the job that runs here; set by whoever runs it."""


def current_job() -> JobContext:
    """Return the context of the job that runs here.

    Raises:
        LookupError: none does; threads that a job has started itself are not known to be its own.
    """
    return current.get()
