"""What one look shows: queues, triggers and workers, all at one moment, and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from seriatim.formats.jobs.state import LIVE

if TYPE_CHECKING:
    from seriatim.formats.monitor.beat import Beat
    from seriatim.formats.monitor.flags import Flags


class QueueSight(NamedTuple):
    """A queue, as its rows say.

    Attributes:
        name: its name.
        slot: the last slot of its log that its rows follow from.
        at_ms: that slot's time.
        states: how many jobs are in which state; without zeros.
        is_paused: whether nothing is granted.
        types: the same numbers by type, of as many types as a look shows.
        has_more_types: whether there are others.
    """

    name: str
    slot: int
    at_ms: int
    states: Mapping[str, int]
    is_paused: bool
    types: Mapping[str, Mapping[str, int]]
    has_more_types: bool = False

    @property
    def live(self) -> int:
        """How many jobs have not ended."""
        return sum(self.states.get(state, 0) for state in LIVE)

    @property
    def ended(self) -> int:
        """How many have, of those that are not forgotten."""
        return sum(self.states.values()) - self.live


class TriggerSight(NamedTuple):
    """The triggers, as their rows say.

    Attributes:
        next_ms: the next nominal time of those that were looked at; ``None`` for none.
        is_running: whether a run has begun and not ended.
        has_more: whether there are triggers that were not looked at.
    """

    next_ms: int | None = None
    is_running: bool = False
    has_more: bool = False


class Sight(NamedTuple):
    """What one look has shown.

    Attributes:
        at_ms: the observer's wall clock.
        queues: by name.
        triggers: see `TriggerSight`.
        flags: what is to be done with the whole; see `Flags`.
        beats: the last beat of each worker, by name. From an environment of its own, read a moment
            before: of what a worker said to run there is left what is leased in the queues.
    """

    at_ms: int
    queues: Sequence[QueueSight]
    triggers: TriggerSight
    flags: Flags
    beats: Sequence[Beat]
