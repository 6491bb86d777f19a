"""What a monitor may see, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seriatim.formats.monitor.beat import Beat
from seriatim.formats.monitor.flags import Flags
from seriatim.formats.monitor.sight import QueueSight, Sight, TriggerSight

AT_MS = 1_767_225_600_000


def queue_of(name: str = "default", slot: int = 3, **states: int) -> QueueSight:
    """Return a queue whose jobs, all of the type ``render``, are in *states*."""
    types = {"render": states} if states else {}
    return QueueSight(name, slot, AT_MS, states, is_paused=False, types=types)


def sight_of(
    *queues: QueueSight,
    beats: Sequence[Beat] = (),
    triggers: TriggerSight | None = None,
    flags: Flags | None = None,
) -> Sight:
    """Return a sight of *queues*, and of nothing else that is not said."""
    return Sight(AT_MS, queues, triggers or TriggerSight(), flags or Flags(), beats)


def with_types(queue: QueueSight, **types: Mapping[str, int]) -> QueueSight:
    """Return *queue* with these numbers by type, and their sums."""
    states: dict[str, int] = {}
    for own in types.values():
        for state, count in own.items():
            states[state] = states.get(state, 0) + count
    return queue._replace(types=types, states=states)
