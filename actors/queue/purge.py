"""What a purge cancels: some jobs with each command, and none that have come since the first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from seriatim.formats.limits import QUEUE_EVENTS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seriatim.actors.queue.commands import Purge
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.formats.jobs.job import Job


def some_to_purge(fold: QueueFold, purge: Purge, last_slot: int) -> Sequence[Job]:
    """Return up to ``QUEUE_EVENTS_MAX`` jobs that *purge* means, if it began at *last_slot*."""
    return list(islice(_meant(fold, purge, last_slot), QUEUE_EVENTS_MAX))


def left_to_purge(fold: QueueFold, purge: Purge, last_slot: int, found: Sequence[Job]) -> int:
    """Return how many more there are at most, now that those *found* are not there."""
    if len(found) == QUEUE_EVENTS_MAX:
        return fold.numbers[purge.state]  # and look through all of them at the end only
    return sum(1 for _ in _meant(fold, purge, last_slot))


def _meant(fold: QueueFold, purge: Purge, last_slot: int) -> Iterator[Job]:
    for job in fold.live.values():
        if job.state is purge.state and job.order.slot <= last_slot:
            yield job
