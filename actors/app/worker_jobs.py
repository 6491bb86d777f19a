"""Jobs that a function in a child submits: its worker does it, and answers.

Both sides: `WorkerJobs` is the child's, `answer_child` the worker's. What passes between them is a
verb, a map, and an answer of what CBOR carries; jobs are the maps that `read_asked` reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from seriatim.actors.app.access import Ending
from seriatim.actors.queue.commands import Cancel, Retry, Submitted
from seriatim.actors.runtime.own_loop import on_loop, run_unwaited, running_loop
from seriatim.formats.errors import LimitExceededError, MalformedError, UnsupportedError
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.spec import read_asked, say_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import BODY_MAX_BYTES, CHILD_WAIT_MS

if TYPE_CHECKING:
    from seriatim.actors.app.access import JobsAccess
    from seriatim.actors.executor.context import Ask
    from seriatim.actors.queue.commands import Command
    from seriatim.formats.jobs.spec import Asked

T = TypeVar("T")


class WorkerJobs:
    """`JobsAccess` of a job in a child.

    Attributes:
        driver: drives what asks the worker, where the job blocks; in any of its threads.
    """

    def __init__(self, ask: Ask) -> None:
        """Have the worker asked by *ask*."""
        self.driver = _OfJob()
        self._ask = ask

    def make_id(self) -> str:
        """See `JobsAccess.make_id`."""
        return str(self._ask("make_id", {}))

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """See `SubmitPort.submit`."""
        said = dump_json([say_asked(each) for each in jobs])
        submitted = await self._answer("submit", queue=queue, jobs=said)
        return [Submitted(*each) for each in submitted]

    async def ask(self, queue: str, command: Command) -> Any:
        """See `JobsAccess.ask`: of what a handle does."""
        if isinstance(command, Cancel):
            said = {"job": command.job, "reason": command.reason}
            return JobState(await self._answer("cancel", queue=queue, **said))
        if isinstance(command, Retry):
            return JobState(await self._answer("retry", queue=queue, job=command.job))
        raise UnsupportedError(f"{type(command).__name__}: a job does not change its queue")

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """See `JobsAccess.show`."""
        shown: Mapping[str, Any] = orjson.loads(await self._answer("show", queue=queue, job=job))
        return shown

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """See `JobsAccess.ending`. It is asked often: who is stopped meanwhile is not held up."""
        while True:
            part_ms = min(wait_ms, CHILD_WAIT_MS)
            said = await self._answer("ending", queue=queue, job=job, wait_ms=part_ms)
            wait_ms -= part_ms
            if said is not None:
                return Ending(*said)
            if wait_ms <= 0:
                return None

    async def printed(self, queue: str, job: str, after: str) -> tuple[bytes, str | None]:
        """See `JobsAccess.printed`."""
        page, behind = await self._answer("printed", queue=queue, job=job, after=after)
        return page, behind

    async def _answer(self, verb: str, **said: Any) -> Any:
        """Return what the worker answers; a loop that runs here goes on meanwhile."""
        if running_loop() is None:
            return self._ask(verb, said)
        return await asyncio.to_thread(self._ask, verb, said)


class _OfJob:
    """Drives coroutines that wait for the worker only, in the caller's thread, as of the job."""

    def __init__(self) -> None:
        self._context = copy_context()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """See `Driver.run`."""
        if running_loop() is not None:
            work.close()
            raise on_loop()
        waits = AssertionError("without a loop, it asks its worker in this thread")
        return self._context.copy().run(run_unwaited, work, waits)


async def answer_child(access: JobsAccess, verb: str, said: Mapping[str, Any]) -> Any:
    """Return what *access* has to say to *verb*, and *said* with it; of a child, see `WorkerJobs`.

    Raises:
        MalformedError: there is no such verb; code ``bad_frame``.
        SchedulerError: it is refused.
    """
    if verb not in _VERBS:
        raise MalformedError(f"a child asks for {verb!r:.64}", code="bad_frame")
    return await _VERBS[verb](access, **said)


async def _make_id(access: JobsAccess) -> str:
    return access.make_id()


async def _submit(access: JobsAccess, queue: str, jobs: bytes) -> list[list[Any]]:
    if len(jobs) > BODY_MAX_BYTES:
        raise LimitExceededError("jobs at once", given=len(jobs), maximum=BODY_MAX_BYTES)
    asked = [read_asked(each) for each in orjson.loads(jobs)]
    return [list(each) for each in await access.submit(queue, asked)]


async def _cancel(access: JobsAccess, queue: str, job: str, reason: str) -> str:
    return str(await access.ask(queue, Cancel(job, reason)))


async def _retry(access: JobsAccess, queue: str, job: str) -> str:
    return str(await access.ask(queue, Retry(job)))


async def _show(access: JobsAccess, queue: str, job: str) -> bytes:
    return dump_json(await access.show(queue, job))


async def _ending(access: JobsAccess, queue: str, job: str, wait_ms: int) -> list[Any] | None:
    ending = await access.ending(queue, job, wait_ms=min(wait_ms, CHILD_WAIT_MS))
    return None if ending is None else [ending.state, ending.result, dict(ending.failure)]


async def _printed(access: JobsAccess, queue: str, job: str, after: str) -> list[Any]:
    return list(await access.printed(queue, job, after))


_VERBS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = {
    "make_id": _make_id,
    "submit": _submit,
    "cancel": _cancel,
    "retry": _retry,
    "show": _show,
    "ending": _ending,
    "printed": _printed,
}
