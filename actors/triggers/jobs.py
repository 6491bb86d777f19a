"""Triggers that submit jobs: each nominal time, or event, is one job, however often it is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seriatim.actors.triggers.runs import NotYetError
from seriatim.formats.errors import QueueFullError, SchedulerError, StoppingError
from seriatim.formats.jobs.spec import read_asked

if TYPE_CHECKING:
    from seriatim.actors.queue.queues import Queues
    from seriatim.actors.triggers.runs import Act, Run

_KEY_BYTES: Final = 16
# That may last: whatever else the trigger has submitted meanwhile would wait for it.
_REFUSED: Final = (StoppingError, QueueFullError)


def submitting(queues: Queues) -> Act:
    """Return what submits the job of a run to *queues*.

    The job's id is made of the key of the run: what is interrupted, and begun once more, is the
    same job; and so is what is tried again, because it could not be submitted just then. Where the
    operator wants no more jobs, or the queue has as many as it may, the run fails.
    """

    async def submit(run: Run) -> None:
        job = run.definition.job
        assert job is not None, "that is what it waits for"
        said = {**job, "id": f"fire-{run.begun.key[:_KEY_BYTES].hex()}"}
        queue = str(said.pop("queue"))
        try:
            await queues.submit(queue, [read_asked(said)])
        except SchedulerError as error:
            if error.retryable and not isinstance(error, _REFUSED):
                raise NotYetError(f"its job is not there yet: {error}") from error
            raise

    return submit
