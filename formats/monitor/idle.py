"""Whether there is nothing to do: the rule, over one look.

The queues' numbers are written with the slots that they follow from, and are all read in one
transaction. So a job that was acknowledged before the look is in them, wherever it is: waiting,
blocked, due later, or with a worker whose lease holds. Idle is never said while there is one. What
is submitted afterwards has a later slot than the verdict names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from seriatim.formats.jobs.state import LIVE

if TYPE_CHECKING:
    from seriatim.formats.monitor.sight import QueueSight, Sight


class Idle(NamedTuple):
    """A verdict.

    Attributes:
        is_idle: whether there is nothing to do.
        slots: by queue, the slot at which that is so, or is not.
        reasons: why not, a clause each.
    """

    is_idle: bool
    slots: Mapping[str, int]
    reasons: Sequence[str]


def idle_of(sight: Sight) -> Idle:
    """Return whether all queues are empty, no worker is busy, and no trigger is due, in *sight*."""
    reasons = [why for queue in sight.queues if (why := _why_busy(queue))]
    runs = ((each.status.worker, len(each.status.running)) for each in sight.beats)
    reasons += [f"worker {worker} runs {count}" for worker, count in runs if count]
    triggers = sight.triggers
    if triggers.next_ms is not None and triggers.next_ms <= sight.at_ms:
        reasons.append("a trigger is due")
    if triggers.is_running:
        reasons.append("a trigger runs")
    if triggers.has_more:
        reasons.append("there are more triggers than were looked at")
    return Idle(not reasons, {queue.name: queue.slot for queue in sight.queues}, reasons)


def _why_busy(queue: QueueSight) -> str:
    found = [f"{count} {state}" for state in LIVE if (count := queue.states.get(state, 0))]
    return f"queue {queue.name} has {', '.join(found)}" if found else ""
