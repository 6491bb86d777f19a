"""Jobs that run where they are submitted, for tests of what submits them: no node, no disk."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast

from seriatim.actors.app.access import Ending, ending_of
from seriatim.actors.app.enqueued import expect_enqueued
from seriatim.actors.app.inline_queue import InlineQueue
from seriatim.actors.executor.context import JobContext, current
from seriatim.actors.queue.commands import Done
from seriatim.actors.runtime.own_loop import run_unwaited, running_loop
from seriatim.actors.worker.run import facts_of
from seriatim.actors.worker.running import raised
from seriatim.formats.errors import NotFoundError, RefusedError
from seriatim.formats.jobs.job_id import ENTROPY_BYTES, make_job_id
from seriatim.formats.jobs.view import plain_view_of

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.actors.queue.commands import (
        Command,
        Ended,
        Grant,
        Submitted,
    )
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.jobs.spec import Asked

T = TypeVar("T")


class InlineJobs:
    """`JobsAccess` for one app: what is submitted, and can run, has run when that returns.

    Attributes:
        submitted: every job that was, in order.
        driver: drives what follows where it is asked for.
    """

    def __init__(self, app: App) -> None:
        self.submitted: list[Asked] = []
        self.driver = _Here()
        self._app = app
        self._queues: dict[str, InlineQueue] = {}
        self._running: dict[str, asyncio.Event] = {}
        self._ids = count(1)

    def make_id(self) -> str:
        """Return the next one: all begin with the time 0, which does not pass."""
        return make_job_id(0, next(self._ids).to_bytes(ENTROPY_BYTES))

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """Submit *jobs*, and run them, and whatever else can run by that."""
        named = [each if each.id else each._replace(id=self.make_id()) for each in jobs]
        own = self._queue(queue)
        answers = own.submit(named)
        pairs = zip(named, answers, strict=True)
        self.submitted.extend(asked for asked, answer in pairs if not answer.repeated)
        await self._run_all(queue, own)
        return answers

    def _queue(self, queue: str) -> InlineQueue:
        return self._queues.setdefault(queue, InlineQueue(queue))

    async def _run_all(self, queue: str, own: InlineQueue) -> None:
        while (grant := own.take()) is not None:
            has_ended = self._running[grant.id] = asyncio.Event()
            try:
                own.report(await self._run(queue, grant))
            finally:
                del self._running[grant.id]
                has_ended.set()

    async def _run(self, queue: str, grant: Grant) -> Ended:
        handler = self._app.functions[grant.type].handler
        token = current.set(JobContext(facts_of(queue, grant), _unheard))
        try:
            made = handler.call(grant)
            result = await _result_of(made) if inspect.iscoroutine(made) else cast("bytes", made)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # of somebody's function
            return raised(error, grant, handler)
        finally:
            current.reset(token)
        return Done(grant.id, grant.token, result)

    def assert_enqueued(
        self, function: JobFunction[Any, Any, Any], *, times: int | None = None, **arguments: Any
    ) -> None:
        """Fail unless a job of *function* with these arguments was submitted.

        Arguments and errors as for `Rehearsal.assert_enqueued`.
        """
        expect_enqueued(self.submitted, function, times, arguments)

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """Return how *job* has ended; see `JobsAccess.ending`.

        Raises:
            NotFoundError: no such job was submitted.
            RefusedError: it does not run, and nothing that is still to come has it run; code
                ``not_run``.
        """
        found = self._find(queue, job)
        if job in self._running and running_loop() is not None:  # of another coroutine
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1_000):
                    await self._running[job].wait()
            if job in self._running:
                return None
            found = self._find(queue, job)
        if not found.state.is_ended:
            waits_for = ", ".join(sorted(found.waits or ())) or "whoever has begun it"
            raise RefusedError(
                f"job {job} is {found.state}, and waits for {waits_for}: inline, what can run has "
                "run when it was submitted",
                code="not_run",
            )
        return ending_of(found)

    def _find(self, queue: str, job: str) -> Job:
        found = self._queue(queue).job(job)
        if found is None:
            raise NotFoundError(f"no job {job} was submitted here to queue {queue}")
        return found

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """See `JobsAccess.show`."""
        return plain_view_of(queue, self._find(queue, job))

    async def ask(self, queue: str, command: Command) -> Any:
        """See `JobsAccess.ask`; what can run by that has run then."""
        own = self._queue(queue)
        answer = own.do(command)
        await self._run_all(queue, own)
        return answer

    async def printed(self, queue: str, job: str, after: str) -> tuple[bytes, str | None]:
        """Return nothing: what a job prints goes where everything does."""
        del after
        self._find(queue, job)
        return b"", None


class _Here:
    """Drives coroutines that wait for nothing, without a loop: a job may submit another one."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of *work*.

        Raises:
            RefusedError: it waits for something, as a coroutine function on a loop does; code
                ``on_loop``.
        """
        waits = RefusedError(
            "on an event loop, a job that is a coroutine function is not submitted by blocking "
            "code: await its submit(…)",
            code="on_loop",
        )
        return run_unwaited(work, waits)


async def _result_of(made: Coroutine[Any, Any, bytes]) -> bytes:
    """Return what comes of *made*; for blocking code, on a loop of its own."""
    return await made if running_loop() is not None else asyncio.run(made)


def _unheard(said: Mapping[str, Any]) -> None:
    """Let *said* go: nobody watches."""
