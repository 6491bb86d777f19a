"""What a worker says of itself, once in a while. Never a slot: it is old as soon as it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T", "RunningJob", "WorkerStatus")


class RunningJob(NamedTuple):
    """A job that a worker runs.

    Attributes:
        id: the job's.
        type: its type.
        token: of its lease.
        fraction: how much of it is done, as it says itself; 0 to 1 (inclusive).
        note: what else it says.
    """

    id: str
    type: str
    token: int
    fraction: float = 0.0
    note: str = ""


class WorkerStatus(NamedTuple):
    """A worker, as it says itself.

    Attributes:
        worker: its name.
        queue: where its jobs come from.
        host: where it runs.
        pid: its OS process.
        category: what it is counted under, ``gpu`` or ``cpu``, say; empty where nobody says.
        types: the types of jobs that it runs.
        room: how many at once.
        running: what it runs now; it is busy while there is something.
        is_draining: whether it takes nothing more.
        beat: how often it has said something by now, from 1: that rises as long as it lives.
        beat_ms: its wall clock then.
        has_left: whether it says nothing more: it has ended as it should.
    """

    worker: str
    queue: str
    host: str
    pid: int
    category: str
    types: Sequence[str]
    room: int
    running: Sequence[RunningJob]
    is_draining: bool
    beat: int
    beat_ms: int
    has_left: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        running = [each._asdict() for each in self.running]
        return {**self._asdict(), "types": list(self.types), "running": running}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> WorkerStatus:
        """Return what `to_plain` has made *plain* of.

        Raises:
            TypeError, KeyError: that is something else.
        """
        running = [_checked(RunningJob(**each), _RUNNING) for each in plain["running"]]
        status = _checked(cls(**{**plain, "running": running}), _STATUS)
        if not all(isinstance(each, str) for each in status.types):
            raise TypeError("types")
        return status


_RUNNING: Final = (str, str, int, (int, float), str)
_STATUS: Final = (str, str, str, int, str, list, int, list, bool, int, int, bool)


def _checked(value: T, kinds: tuple[type | tuple[type, ...], ...]) -> T:
    """Return *value*, whose fields are of these *kinds*: what comes from elsewhere may not be."""
    for name, field, kind in zip(value._fields, value, kinds, strict=True):
        if not isinstance(field, kind):
            raise TypeError(name)
    return value
