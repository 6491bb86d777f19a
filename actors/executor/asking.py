"""What a function in a child asks its worker while it runs: the child's side.

`answering.py` is the worker's. What a child imports takes memory in each: no `asyncio` here.

::

    child ── ASKED [number, verb, map] ──► worker      of any thread, several at once
    child ◄── ANSWERED [number, error, answer] ── worker     in whatever order

Errors go as three words, as all that leaves an OS process; a class that a child does not make is
`RefusedError` there, with its code, as over HTTP.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from seriatim.formats.errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    TakenError,
    UnavailableError,
)
from seriatim.formats.limits import CHILD_ASKS_MAX

MADE: Final[Mapping[str, Callable[[str, str], SchedulerError]]] = {
    "TakenError": lambda reason, _: TakenError(reason),
    "NotFoundError": lambda reason, _: NotFoundError(reason),
    "MalformedError": lambda reason, code: MalformedError(reason, code=code),
    "UnavailableError": lambda reason, code: UnavailableError(reason, code=code),
    "RefusedError": lambda reason, code: RefusedError(reason, code=code),
}
"""The errors that a child makes of their names, a reason and a code."""


class Asker:
    """The child's side: whichever thread waits reads what comes, for all that wait."""

    def __init__(
        self, send: Callable[[list[Any]], object], receive: Callable[[], list[Any] | None]
    ) -> None:
        """Ask by *send*; *receive* returns the next answer, ``None`` when the worker is gone."""
        self._send = send
        self._receive = receive
        self._pid = os.getpid()
        self._numbers = count(1)
        self._room = threading.BoundedSemaphore(CHILD_ASKS_MAX)
        self._changed = threading.Condition()
        self._answers: dict[int, list[Any]] = {}
        self._is_reading = False

    def ask(self, verb: str, said: Mapping[str, Any]) -> Any:
        """Return what the worker answers.

        Raises:
            SchedulerError: it refuses; a fork of the job's OS process asks, code ``forked``.
            LimitExceededError: it is more than a frame may have.
        """
        if os.getpid() != self._pid:
            raise RefusedError(
                "this is a fork of the job's OS process: only the job itself adds jobs",
                code="forked",
            )
        with self._room:
            number = next(self._numbers)
            self._send([number, verb, dict(said)])
            _, error, answer = self._wait(number)
        if error is not None:
            kind, code, reason = error
            raise MADE[kind](reason, code)
        return answer

    def _wait(self, number: int) -> list[Any]:
        with self._changed:
            while number not in self._answers:
                if self._is_reading:
                    self._changed.wait()
                else:
                    self._read()
            return self._answers.pop(number)

    def _read(self) -> None:
        """Take one answer, whosever it is; others may ask meanwhile."""
        self._is_reading = True
        self._changed.release()
        try:
            received = self._receive()
        finally:
            self._changed.acquire()
            self._is_reading = False
            self._changed.notify_all()
        if received is None:
            raise UnavailableError("the worker is gone")
        self._answers[received[0]] = received
