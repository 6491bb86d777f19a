"""A job that somebody has submitted: what it is going to return, and what may be done about it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from math import ceil, inf
from typing import TYPE_CHECKING, Any, TypeVar

from seriatim.actors.app.arguments import Output
from seriatim.actors.queue.commands import Cancel, Retry
from seriatim.formats.errors import DeadlineExceededError, JobError, MalformedError
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_WAIT_MS

if TYPE_CHECKING:
    from seriatim.actors.app.access import Ending, JobsAccess

R = TypeVar("R")


class Handle(Output[R]):
    """A job that has been submitted, and that is on disk. ``await handle`` gives its result.

    Passed as an argument to another job, it makes that one wait for it, and get its result;
    `output` is the same with the type that the function declares.

    Attributes:
        id: the job's.
        queue: where it is.
        repeated: whether it was there before, by its id or its unique key.
    """

    __slots__ = ("_access", "_decode", "queue", "repeated")

    def __init__(
        self,
        access: JobsAccess,
        queue: str,
        job: str,
        decode: Callable[[bytes], R],
        *,
        repeated: bool,
    ) -> None:
        super().__init__(job)
        self.queue = queue
        self.repeated = repeated
        self._access = access
        self._decode = decode

    def __await__(self) -> Generator[Any, None, R]:
        return self.result().__await__()

    async def result(self, timeout: float | None = None) -> R:  # noqa: ASYNC109  # also blocking
        """Return what the job has returned, once it has.

        Args:
            timeout: seconds, rounded up to milliseconds; ``None`` waits as long as it takes.

        Raises:
            JobError: it has ended without success.
            DeadlineExceededError: it has not ended in time; it goes on.
            NotFoundError: it was forgotten.
            MalformedError: another version of the function has made what this one cannot read; or
                *timeout* is no number, code ``bad_value``.
        """
        # Nothing but whole milliseconds is taken off it: what is less is never waited for.
        left_ms = limit_ms = read_timeout(timeout)
        while True:
            wait_ms = int(min(left_ms, JOB_WAIT_MS))
            ending = await self._access.ending(self.queue, self.id, wait_ms=wait_ms)
            if ending is not None:
                return self._read(ending)
            left_ms -= wait_ms
            if left_ms <= 0:
                raise DeadlineExceededError(
                    f"job {self.id}",
                    deadline_ms=int(limit_ms),
                    advice="it goes on, and can be waited for again",
                )

    def _read(self, ending: Ending) -> R:
        if ending.state == JobState.DONE:
            return self._decode(ending.result)
        failure = ending.failure
        raise JobError(
            job=self.id,
            state=ending.state,
            code=failure.get("code", ending.state),
            reason=failure.get("reason", "nobody has said why"),
            error_type=failure.get("error_type", ""),
            traceback=failure.get("traceback", ""),
        )

    async def show(self) -> Mapping[str, Any]:
        """Return what there is to say of the job; see ``docs/jobs.md``.

        Raises:
            NotFoundError: it was forgotten.
        """
        return await self._access.show(self.queue, self.id)

    async def state(self) -> JobState:
        """Return where the job is.

        Raises:
            NotFoundError: it was forgotten.
        """
        return JobState((await self.show())["state"])

    async def logs(self) -> str:
        """Return what the attempts of the job have printed, as far as their worker has said.

        That is kept of functions that run in a child; see ``docs/jobs.md``.

        Raises:
            NotFoundError: it was forgotten.
        """
        printed = bytearray()
        after: str | None = ""
        while after is not None:
            page, after = await self._access.printed(self.queue, self.id, after)
            printed += page
        return printed.decode("utf-8", "replace")

    async def cancel(self, reason: str = "its submitter wants it no more") -> None:
        """Have the job not run; one that runs is asked to stop.

        Raises:
            RefusedError: it has ended.
        """
        await self._access.ask(self.queue, Cancel(self.id, reason))

    async def retry(self) -> None:
        """Have the job, which has ended without success, run once more.

        Raises:
            RefusedError: it has not ended so.
        """
        await self._access.ask(self.queue, Retry(self.id))

    def __repr__(self) -> str:
        return f"<Handle {self.id} in {self.queue}>"


def read_timeout(timeout: object) -> float:
    """Return *timeout*, seconds or ``None``, in milliseconds: whole ones, or infinity.

    Raises:
        MalformedError: it is no number; code ``bad_value``.
    """
    if timeout is None or timeout == inf:
        return inf
    # What is none raises one of these, and so does what is too many.
    with suppress(OverflowError, ValueError):
        if isinstance(timeout, int | float):
            return ceil(timeout * 1_000.0)
    raise MalformedError(
        f"timeout: expected seconds, or None, found {timeout!r:.64}", code="bad_value"
    )
