"""What a function in a child asks its worker while it runs: the worker's side; see `asking.py`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from seriatim.actors.executor.asking import MADE
from seriatim.formats.errors import (
    MalformedError,
    SchedulerError,
    UnavailableError,
)
from seriatim.formats.limits import CHILD_ASKS_MAX

Answer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Answers a verb, and what is said with it: what CBOR carries."""

_LOG: Final = logging.getLogger("seriatim.executor")


class Answering:
    """The worker's side, while one function runs."""

    def __init__(self, answer: Answer, send: Callable[[list[Any]], object]) -> None:
        """Have *answer* say what is sent by *send*."""
        self._answer = answer
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, asked: Any) -> None:
        """Answer *asked*, some time.

        Raises:
            MalformedError: it is no question, or one too many; code ``bad_frame``.
        """
        match asked:
            case [int() as number, str() as verb, dict() as said] if (
                len(self._tasks) < CHILD_ASKS_MAX
            ):
                task = asyncio.ensure_future(self._say(number, verb, said))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                raise MalformedError("ASKED is no question, or one too many", code="bad_frame")

    def close(self) -> None:
        """Answer nobody any more: the function has ended."""
        for task in self._tasks:
            task.cancel()

    async def _say(self, number: int, verb: str, said: Mapping[str, Any]) -> None:
        try:
            self._send([number, None, await self._answer(verb, said)])
        except SchedulerError as error:
            self._send([number, _said(error), None])
        except Exception:  # noqa: BLE001  # whoever waits has to be told
            _LOG.exception("a child could not be answered: %s", verb[:64])
            reason = f"{verb}: the worker has failed at it; whether it was done is not known"
            self._send([number, _said(UnavailableError(reason)), None])


def _said(error: SchedulerError) -> list[str]:
    kinds = [each.__name__ for each in type(error).__mro__]
    return [next((kind for kind in kinds if kind in MADE), "RefusedError"), error.code, str(error)]
