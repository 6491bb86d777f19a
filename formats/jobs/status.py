"""What a worker says of itself, once in a while. Never a slot: it is old as soon as it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Final, NamedTuple

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import (
    INSTANT_MAX_MS,
    JOB_NOTE_MAX_CHARS,
    JSON_INTEGER_MAX,
    QUEUE_TYPES_SET_MAX,
    WORKER_NAME_MAX_BYTES,
    WORKER_ROOM_MAX,
)


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
    def from_plain(cls, plain: Any) -> WorkerStatus:
        """Return what `to_plain` has made *plain* of.

        Raises:
            MalformedError: that is something else, or a field is beyond its bounds; code
                ``bad_report``.
        """
        said = _checked("status", plain, _STATUS)
        running = [
            RunningJob(**_checked(f"status.running[{number}]", each, _RUNNING))
            for number, each in enumerate(said["running"])
        ]
        return cls(**{**said, "running": running})


_Kind = tuple[str, Callable[[Any], bool]]
"""What a field has to be, in words, and whether a value is that."""


def _text(most: int) -> _Kind:
    return (
        f"a text of at most {most} characters",
        lambda value: isinstance(value, str) and len(value) <= most,
    )


def _number(least: int, most: int, kind: type[int] | UnionType = int) -> _Kind:
    def is_one(value: Any) -> bool:
        return isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most

    word = "a whole number" if kind is int else "a number"
    return f"{word} of {least} to {most}", is_one


def _list(most: int, kind: type = object) -> _Kind:
    def is_one(value: Any) -> bool:
        return (
            isinstance(value, list)
            and len(value) <= most
            and all(isinstance(each, kind) for each in value)
        )

    return f"a list of at most {most}", is_one


_NAME: Final = _text(WORKER_NAME_MAX_BYTES)
_FLAG: Final[_Kind] = "true or false", lambda value: isinstance(value, bool)
_RUNNING: Final[Mapping[str, _Kind]] = {
    "id": _NAME,
    "type": _NAME,
    "token": _number(0, JSON_INTEGER_MAX),
    "fraction": _number(0, 1, int | float),
    "note": _text(JOB_NOTE_MAX_CHARS),
}
_STATUS: Final[Mapping[str, _Kind]] = {
    "worker": _NAME,
    "queue": _NAME,
    "host": _NAME,
    "pid": _number(0, JSON_INTEGER_MAX),
    "category": _NAME,
    "types": _list(QUEUE_TYPES_SET_MAX, str),
    "room": _number(0, WORKER_ROOM_MAX),
    "running": _list(WORKER_ROOM_MAX),
    "is_draining": _FLAG,
    "beat": _number(1, JSON_INTEGER_MAX),
    "beat_ms": _number(0, INSTANT_MAX_MS),
    "has_left": _FLAG,
}
_MAY_BE_LEFT_OUT: Final = frozenset({*RunningJob._field_defaults, *WorkerStatus._field_defaults})


def _checked(where: str, plain: Any, kinds: Mapping[str, _Kind]) -> Mapping[str, Any]:
    """Return *plain*, whose fields are of these *kinds*: what comes from elsewhere may not be."""
    if not isinstance(plain, Mapping) or not plain.keys() <= kinds.keys():
        raise _bad(where, f"a map of {', '.join(kinds)}", plain)
    for name, (expected, is_one) in kinds.items():
        if name not in plain:
            if name not in _MAY_BE_LEFT_OUT:
                raise _bad(f"{where}.{name}", expected, "nothing")
        elif not is_one(plain[name]):
            raise _bad(f"{where}.{name}", expected, plain[name])
    return plain


def _bad(key: str, expected: str, found: object) -> MalformedError:
    return MalformedError(
        f"{key}: expected {expected}, found {str(found)[:64]!r}", code="bad_report"
    )
