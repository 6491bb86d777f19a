"""Triggers that submit jobs: each nominal time, or event, is one job, however often it is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.jobs.spec import read_asked

if TYPE_CHECKING:
    from seriatim.actors.queue.queues import Queues
    from seriatim.actors.triggers.runs import Act, Run

_KEY_BYTES = 16


def submitting(queues: Queues) -> Act:
    """Return what submits the job of a run to *queues*.

    The job's id is made of the key of the run: what is interrupted, and begun once more, is the
    same job.
    """

    async def submit(run: Run) -> None:
        job = run.definition.job
        assert job is not None, "that is what it waits for"
        said = {**job, "id": f"fire-{run.begun.key[:_KEY_BYTES].hex()}"}
        queue = str(said.pop("queue"))
        await queues.submit(queue, [read_asked(said)])

    return submit
