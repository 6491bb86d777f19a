"""What one attempt of a job may use: as numbers, as JSON has them, and as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import (
    INTERVAL_MAX_MS,
    JOB_FILES_MAX,
    JOB_FILES_MIN,
    JOB_MEMORY_MAX_BYTES,
    JOB_OUTPUT_DEFAULT_BYTES,
    JOB_OUTPUT_MAX_BYTES,
    JOB_PROCESSES_DEFAULT,
    JOB_PROCESSES_MAX,
)
from seriatim.formats.recurrence.interval import parse_duration

_SIZE: Final = re.compile(r"\s*([0-9]{1,16})\s*([a-z]*)\s*", re.IGNORECASE)
_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
}


_NUMBERS_OF: Final = {"ms": " milliseconds", "bytes": " bytes"}


class Limits(NamedTuple):
    """The bounds of one attempt; ``None``: no bound of its own. All are inclusive.

    What holds each of them, and to whom it applies, is in `docs/executor.md`.

    Attributes:
        wall_ms: how long it may take, from its start on; 1 to ``INTERVAL_MAX_MS``.
        cpu_ms: how much processor time each of its OS processes may use, which the system counts in
            whole seconds, rounded up; 1 to ``INTERVAL_MAX_MS``.
        memory_bytes: how much address space each of its OS processes may have (a function: beyond
            what its child has at the start); 1 to ``JOB_MEMORY_MAX_BYTES``.
        output_bytes: how much of what it prints is kept; the rest is counted, and dropped. 0 to
            ``JOB_OUTPUT_MAX_BYTES``.
        processes: how many OS processes it may have at once, its first one included; 1 to
            ``JOB_PROCESSES_MAX``.
        files: how many descriptors each of its OS processes may have open; ``JOB_FILES_MIN`` to
            ``JOB_FILES_MAX``.
    """

    wall_ms: int | None = None
    cpu_ms: int | None = None
    memory_bytes: int | None = None
    output_bytes: int = JOB_OUTPUT_DEFAULT_BYTES
    processes: int = JOB_PROCESSES_DEFAULT
    files: int | None = None

    def to_plain(self) -> dict[str, int]:
        """Return them as JSON has them: what is as `Limits()` has it is left out."""
        return {
            name: value
            for name, value in self._asdict().items()
            if value != self._field_defaults[name]
        }


def read_limits(said: Mapping[str, Any], key: str = "limits") -> Limits:
    """Return the limits that *said* names; see `plain_limits`.

    >>> read_limits({"wall": "5 minutes", "memory": "512MB", "processes": 8}).to_plain()
    {'wall_ms': 300000, 'memory_bytes': 512000000, 'processes': 8}
    """
    return Limits(**plain_limits(said, key))


def plain_limits(said: Mapping[str, Any], key: str = "limits") -> dict[str, int]:
    """Return the limits that *said* names, each by its field, or as people write it; no others.

    Args:
        said: numbers under the names of `Limits`; or texts: ``wall`` and ``cpu`` (``30s``,
            ``5 minutes``), ``memory`` and ``output`` (``512MB``, ``64KiB``).
        key: what *said* is called where it comes from; errors begin with it.

    Raises:
        MalformedError: a key is unknown or said twice, or its value is not what it has to be;
            code ``bad_limits``.
    """
    if not isinstance(said, Mapping):
        raise _bad(key, "a map", said)
    found: dict[str, int] = {}
    for name, value in said.items():
        if name not in _READERS:
            raise _bad(key, f"some of {', '.join(_READERS)}", name)
        field, number = read_limit(name, value, f"{key}.{name}")
        if field in found:
            raise _bad(f"{key}.{name}", f"nothing beside {field}", value)
        found[field] = number
    return found


def read_limit(name: str, value: Any, key: str) -> tuple[str, int]:
    """Return the field of `Limits` that *name* means, and its *value*; see `plain_limits`.

    Args:
        name: one that `plain_limits` takes.
        value: its value.
        key: what it is called where it comes from; errors begin with it.

    Raises:
        MalformedError: the value is not what it has to be; code ``bad_limits``.
    """
    field, read = _READERS[name]
    number = read(key, value)
    least, most = _BOUNDS[field]
    if not least <= number <= most:
        unit = _NUMBERS_OF.get(field.rpartition("_")[2], "")
        raise _bad(key, f"{least} to {most}{unit}", value)
    return field, number


def parse_size(text: str) -> int:
    """Return the bytes of ``512MB`` (powers of 1,000) or ``64KiB`` (powers of 1,024).

    Raises:
        MalformedError: it is no size; code ``bad_limits``.

    >>> parse_size("64 KiB"), parse_size("1gb"), parse_size("17")
    (65536, 1000000000, 17)
    """
    found = _SIZE.fullmatch(text)
    if found is None or found[2].lower() not in _UNITS:
        raise _bad("size", "a whole number and a unit, such as 512MB or 64KiB", text)
    return int(found[1]) * _UNITS[found[2].lower()]


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(key, "a whole number", value)
    return int(value)


def _duration(key: str, value: Any) -> int:
    try:
        return parse_duration(_text(value))
    except (MalformedError, LimitExceededError, TypeError) as error:
        raise _bad(key, "a time such as '30s' or '5 minutes'", value) from error


def _size(key: str, value: Any) -> int:
    try:
        return parse_size(_text(value))
    except (MalformedError, TypeError) as error:
        raise _bad(key, "a size such as '512MB' or '64KiB'", value) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _bad(key: str, expected: str, found: object) -> MalformedError:
    return MalformedError(
        f"{key}: expected {expected}, found {str(found)[:64]!r}", code="bad_limits"
    )


_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "wall_ms": (1, INTERVAL_MAX_MS),
    "cpu_ms": (1, INTERVAL_MAX_MS),
    "memory_bytes": (1, JOB_MEMORY_MAX_BYTES),
    "output_bytes": (0, JOB_OUTPUT_MAX_BYTES),
    "processes": (1, JOB_PROCESSES_MAX),
    "files": (JOB_FILES_MIN, JOB_FILES_MAX),
}
_READERS: Final[Mapping[str, tuple[str, Callable[[str, Any], int]]]] = {
    **{field: (field, _whole) for field in _BOUNDS},
    "wall": ("wall_ms", _duration),
    "cpu": ("cpu_ms", _duration),
    "memory": ("memory_bytes", _size),
    "output": ("output_bytes", _size),
}
