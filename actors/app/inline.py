"""Jobs that run where they are submitted, for tests of what submits them: no node, no disk."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn, cast

from seriatim.actors.app.access import Ending
from seriatim.actors.app.enqueued import expect_enqueued
from seriatim.actors.executor.context import JobContext, current
from seriatim.actors.queue.commands import Change, Grant, Submitted
from seriatim.formats.errors import NotFoundError, UnsupportedError
from seriatim.formats.jobs.job_id import ENTROPY_BYTES, make_job_id
from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.actors.queue.commands import Claim, Claimed, Command, Report, Reported
    from seriatim.formats.jobs.spec import Asked


class InlineJobs:
    """`JobsAccess` for one app: what is submitted has run when that returns.

    Attributes:
        submitted: every job that was, in order.
    """

    def __init__(self, app: App) -> None:
        self.submitted: list[Asked] = []
        self._app = app
        self._endings: dict[str, Ending] = {}
        self._slots = count(1)

    def make_id(self) -> str:
        """Return the next one: all begin with the time 0, which does not pass."""
        return make_job_id(0, next(self._slots).to_bytes(ENTROPY_BYTES))

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """Run *jobs*, those before that others wait for."""
        named = [each if each.id else each._replace(id=self.make_id()) for each in jobs]
        left = {each.id: each for each in named}
        while left:
            ready = [each for each in left.values() if not left.keys() & _parents(each)]
            assert ready, "a queue would have refused a circle"
            for each in ready:
                del left[each.id]
                if each.id not in self._endings:
                    self._endings[each.id] = await self._run(queue, each)
                    self.submitted.append(each)
        return [Submitted(each.id, repeated=False) for each in named]

    async def _run(self, queue: str, asked: Asked) -> Ending:
        function = self._app.functions[asked.type]
        parents = {job: self._endings.get(job) for job in _parents(asked)}
        failed = [job for job, ending in parents.items() if ending and ending.failure]
        if failed:
            reason = f"job {failed[0]}, for which it waited, has failed"
            return Ending(JobState.FAILED, b"", {"code": "parent_failed", "reason": reason})
        inputs = {job: ending.result for job, ending in parents.items() if ending}
        grant = Grant(asked.id, asked.type, next(self._slots), 1, asked.spec, inputs, 0)
        facts = {"id": asked.id, "queue": queue, "type": asked.type}
        said = {**facts, "slot": grant.token, "attempt": 1, "deadline_ms": None}
        token = current.set(JobContext(said, _unheard))
        try:
            made = function.handler.call(grant)
            result = await _result_of(made) if inspect.iscoroutine(made) else cast("bytes", made)
        except Exception as error:  # noqa: BLE001  # of somebody's function
            kind = type(error).__name__
            failure = {"code": "raised", "reason": str(error) or kind, "error_type": kind}
            return Ending(JobState.FAILED, b"", failure)
        finally:
            current.reset(token)
        return Ending(JobState.DONE, result, {})

    def assert_enqueued(
        self, function: JobFunction[Any, Any, Any], *, times: int | None = None, **arguments: Any
    ) -> None:
        """Fail unless a job of *function* with these arguments was submitted.

        Arguments and errors as for `Rehearsal.assert_enqueued`.
        """
        expect_enqueued(self.submitted, function, times, arguments)

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """Return how *job* has ended: it has."""
        del queue, wait_ms
        found = self._endings.get(job)
        if found is None:
            raise NotFoundError(f"no job {job} was submitted here")
        return found

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """Do nothing: time does not pass."""

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """Return the state of *job*."""
        ending = await self.ending(queue, job, wait_ms=0)
        assert ending is not None, "it has ended"
        return {"id": job, "queue": queue, "state": ending.state}

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """Return 0: nothing is left."""
        del queue, wait_ms
        return 0

    async def change(self, queue: str, command: Command) -> Any:
        """Take settings, which change nothing here."""
        if not isinstance(command, Change):
            await self.ask(queue, command)

    async def ask(self, queue: str, command: Command) -> Any:
        """Refuse *command*: there is no queue."""
        del queue
        self._refuse(type(command).__name__)

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """Refuse: there are no workers."""
        del queue, claim, wait_ms
        self._refuse("claim")

    async def report(self, queue: str, report: Report) -> Reported:
        """Refuse: there are no workers."""
        del queue, report
        self._refuse("report")

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedError(f"{what}: inline, a job has run when it was submitted")


async def _result_of(made: Coroutine[Any, Any, bytes]) -> bytes:
    """Return what comes of *made*; for blocking code, on a loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(made)
    return await made


def _parents(asked: Asked) -> set[str]:
    return {job for job, _ in asked.spec.get("after", ())}


def _unheard(said: Mapping[str, Any]) -> None:
    """Let *said* go: nobody watches."""
