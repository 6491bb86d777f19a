"""Jobs that are to be submitted together: each has its id before, so that others can name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from seriatim.actors.app.arguments import Output

if TYPE_CHECKING:
    from seriatim.actors.app.access import JobsAccess
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

    def handle(self, access: JobsAccess, submitted: Submitted) -> Handle[R]:
        """Return its handle, once it was submitted: of whatever job it is then."""
        return self._handle(submitted.id, access, submitted.repeated)
