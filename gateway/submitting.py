"""Submissions to another node: what many callers want at once goes in few requests.

::

    a caller ──► waiting ──► one of SUBMISSION_REQUESTS_MAX requests ──► each its own answer
                    │                        │
                    └── what comes while all of them are under way waits, and is the next one

So a single caller waits for nobody, and hundreds share the cost of a request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from seriatim.actors.queue.plain import submitted_from_plain
from seriatim.formats.errors import SchedulerError
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.limits import (
    QUEUE_SUBMIT_MAX,
    SUBMISSION_REQUESTS_MAX,
    SUBMISSIONS_MAX_BYTES,
)
from seriatim.gateway.reply import error_of, field

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Submitted
    from seriatim.gateway.api_client import ApiClient


class _Waiting(NamedTuple):
    """A submission that has no answer yet.

    Attributes:
        jobs: JSON of their list.
        answer: what its caller waits for.
    """

    jobs: RawJson
    answer: asyncio.Future[list[Submitted]]


class Submitting:
    """Submits to one queue of the node that a client asks. Belongs to one event loop."""

    def __init__(self, client: ApiClient, queue: str) -> None:
        """Submit to *queue* by *client*."""
        self._client = client
        self._path = ("queues", queue)
        self._waiting: deque[_Waiting] = deque()
        self._requests: set[asyncio.Task[None]] = set()

    async def submit(self, jobs: Sequence[Mapping[str, Any]]) -> list[Submitted]:
        """Submit *jobs*, all or none; return when they are on disk.

        Raises:
            SchedulerError: they are refused, or it is not known whether they are there.
            TypeError: JSON cannot carry them.
        """
        waiting = _Waiting(RawJson(dump_json(jobs)), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._requests) < SUBMISSION_REQUESTS_MAX:
            self._requests.add(asyncio.ensure_future(self._send_on()))
        return await waiting.answer

    async def _send_on(self) -> None:
        """Send what waits until nothing does."""
        try:
            while taken := self._take():
                await self._send(taken)
        finally:
            # Here, and not when the task is done: what is submitted in between needs another one.
            request = asyncio.current_task()
            assert request is not None, "it was begun as one"
            self._requests.discard(request)

    def _take(self) -> list[_Waiting]:
        """Take what one request has room for, without what nobody waits for any more."""
        taken: list[_Waiting] = []
        size = 0
        while self._waiting and len(taken) < QUEUE_SUBMIT_MAX:
            size += len(self._waiting[0].jobs.raw)
            if taken and size > SUBMISSIONS_MAX_BYTES:
                break
            first = self._waiting.popleft()
            if not first.answer.done():
                taken.append(first)
        return taken

    async def _send(self, taken: Sequence[_Waiting]) -> None:
        try:
            for each, answer in zip(taken, await self._ask(taken), strict=True):
                _settle(each.answer, answer)
        except Exception as error:  # noqa: BLE001  # whoever waits has to be told
            for each in taken:
                if not each.answer.done():
                    each.answer.set_exception(error)
        finally:
            for each in taken:
                each.answer.cancel()  # the request was: nothing comes any more

    async def _ask(self, taken: Sequence[_Waiting]) -> Sequence[Any]:
        said = [{"jobs": each.jobs} for each in taken]
        if len(said) == 1:
            return [await self._client.ask("POST", (*self._path, "jobs"), body=said[0])]
        path = (*self._path, "submissions")
        plain = await self._client.ask("POST", path, body={"submissions": said})
        return field(plain, "submissions", list)


def _settle(answer: asyncio.Future[list[Submitted]], plain: Any) -> None:
    if answer.done():
        return
    try:
        if isinstance(plain, Mapping) and "problem" in plain:
            problem = field(plain, "problem", dict)
            raise error_of(field(problem, "status", int), problem)
        answer.set_result(submitted_from_plain(plain))
    except SchedulerError as error:
        answer.set_exception(error)
