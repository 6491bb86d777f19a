"""Jobs that are to be submitted together: each has its id before, so that others can name it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutine
from typing import TYPE_CHECKING, TypeVar

from seriatim.actors.app.arguments import Output
from seriatim.actors.tracing import submit_traced
from seriatim.formats.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from seriatim.actors.app.access import JobsAccess
    from seriatim.actors.app.app import App
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.queue.commands import Submitted
    from seriatim.formats.jobs.spec import Asked

R = TypeVar("R")


class Prepared(Output[R]):
    """A job that has its id, and is nowhere yet: ``await app.submit(a, b)`` submits it.

    Attributes:
        id: the id that the job will have.
        queue: where it will be.
        asked: what is asked of the queue.
    """

    __slots__ = ("_handle", "asked", "queue")

    def __init__(
        self, queue: str, asked: Asked, handle: Callable[[str, JobsAccess, bool], Handle[R]]
    ) -> None:
        super().__init__(asked.id)
        self.queue = queue
        self.asked = asked
        self._handle = handle

    def with_id(self, job: str) -> Prepared[R]:
        """Return the same with *job* as its id."""
        return Prepared(self.queue, self.asked._replace(id=job), self._handle)

    def handle(self, access: JobsAccess, submitted: Submitted) -> Handle[R]:
        """Return its handle, once it was submitted: of whatever job it is then."""
        return self._handle(submitted.id, access, submitted.repeated)


async def submit_prepared(app: App, prepared: Sequence[Prepared[R]]) -> list[Handle[R]]:
    """Submit *prepared* to *app*, all of them or none, whoever awaits it; see `App.submit`."""
    _check_prepared(prepared)
    queues = {each.queue for each in prepared}
    if len(queues) > 1:
        raise RefusedError(
            f"these jobs are of several queues: {', '.join(sorted(queues))}; submit those of "
            "each together",
            code="several_queues",
        )
    if not prepared:
        return []
    access = app.access
    submitted = await submit_traced(access, queues.pop(), [each.asked for each in prepared])
    return [each.handle(access, known) for each, known in zip(prepared, submitted, strict=True)]


def _check_prepared(prepared: Sequence[object]) -> None:
    """Return when all of *prepared* is so; what was to be awaited is not any more.

    Raises:
        MalformedError: something is not; code ``bad_job``.
    """
    others = [each for each in prepared if not isinstance(each, Prepared)]
    for each in others:
        if iscoroutine(each):
            each.close()
    if others:
        raise MalformedError(
            f"expected jobs that are prepared, as f.prepare(…) does it, found {others[0]!r:.64}",
            code="bad_job",
        )
