"""What somebody has set for a queue: how much at once, how fast, what rests, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import orjson

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.job import Spec
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.spec import read_defaults
from seriatim.formats.limits import (
    JOB_TOKENS_MAX,
    JOBS_AT_ONCE_DEFAULT,
    QUEUE_DEFAULTS_MAX_BYTES,
    QUEUE_JOBS_DEFAULT,
    QUEUE_JOBS_MAX,
    QUEUE_KEPT_DEFAULT_MS,
    QUEUE_TYPES_SET_MAX,
    RATE_PER_MAX_MS,
)

PAUSES: Final = frozenset({"paused", "paused_types"})
"""What only has jobs wait that are there, or go on."""

_COUNT_MAX: Final = JOB_TOKENS_MAX


class Rate(NamedTuple):
    """How many jobs of a type may begin.

    Attributes:
        jobs: so many, 1 or more.
        per_ms: within so long; 1 to ``RATE_PER_MAX_MS``.
    """

    jobs: int
    per_ms: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a queue.

    Attributes:
        types: how many jobs of a type may run at once; ``JOBS_AT_ONCE_DEFAULT`` where it says
            nothing.
        keys: of a type, how many jobs of one key; 1 where it says nothing.
        rates: of a type, how many may begin within how long.
        defaults: of a type, what its jobs are where whoever submits them does not say it; see
            `read_defaults`.
        resources: how many tokens there are of each name; none where it says nothing.
        is_paused: whether nothing is granted.
        paused_types: types of which nothing is granted.
        jobs_max: how many jobs may wait or run.
        kept_ms: how long jobs are kept that have ended.
    """

    types: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    defaults: Mapping[str, Spec] = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)
    is_paused: bool = False
    paused_types: frozenset[str] = frozenset()
    jobs_max: int = QUEUE_JOBS_DEFAULT
    kept_ms: int = QUEUE_KEPT_DEFAULT_MS

    def at_once(self, kind: str) -> int:
        """Return how many jobs of the type *kind* may run at once."""
        return self.types.get(kind, JOBS_AT_ONCE_DEFAULT)

    def capacity(self, token: str) -> int:
        """Return how many tokens there are of that name; of keys, see `key_token`."""
        kind, is_key, _ = token.partition("/")
        return self.keys.get(kind, 1) if is_key else self.resources.get(token, 0)

    def is_open(self, kind: str) -> bool:
        """Tell whether jobs of the type *kind* may be granted."""
        return not self.is_paused and kind not in self.paused_types

    def to_plain(self) -> dict[str, Any]:
        """Return them as JSON has them; what is as it was at first is left out."""
        plain = {
            "types": dict(self.types),
            "keys": dict(self.keys),
            "rates": {kind: list(rate) for kind, rate in self.rates.items()},
            "defaults": dict(self.defaults),
            "resources": dict(self.resources),
            "paused": self.is_paused,
            "paused_types": sorted(self.paused_types),
            "jobs_max": self.jobs_max,
            "kept_ms": self.kept_ms,
        }
        return {key: value for key, value in plain.items() if value != _FIRST_PLAIN.get(key)}

    def changed(self, change: Mapping[str, Any]) -> Settings:
        """Return them with *change*, which may name each key of `to_plain`.

        Within a map, what is not named stays, and ``null`` takes something out.

        Raises:
            MalformedError: a key is unknown, or its value is not what it has to be; codes
                ``bad_settings`` and, of defaults, those of `read_asked`.
        """
        changed = self
        for key, value in change.items():
            if key in _READERS:
                own: dict[str, Any] = {key: _changed_map(self, key, value)}
                changed = replace(changed, **own)
            elif key == "paused":
                changed = replace(changed, is_paused=_truth(key, value))
            elif key == "paused_types":
                names = frozenset(check_name(each, key) for each in _list(key, value))
                changed = replace(changed, paused_types=names)
            elif key == "jobs_max":
                changed = replace(changed, jobs_max=_count(key, value, 1, QUEUE_JOBS_MAX))
            elif key == "kept_ms":
                changed = replace(changed, kept_ms=_count(key, value, 0, RATE_PER_MAX_MS))
            else:
                known = ", ".join([*_READERS, *_OTHERS])
                raise _bad(key, f"one of {known}", key)
        return changed


def encode_settings(settings: Settings) -> bytes:
    """Return the row of *settings*."""
    return orjson.dumps(settings.to_plain())


def decode_settings(raw: bytes | None) -> Settings:
    """Return what the row *raw* says; ``None`` for none, where nobody has set anything.

    Raises:
        ValueError: it is no JSON.
        MalformedError: it says no settings.
    """
    if raw is None:
        return _FIRST
    said = orjson.loads(raw)
    if not isinstance(said, dict):
        raise _bad("settings", "a map", said)
    return _FIRST.changed(said)


_OTHERS: Final = ("paused", "paused_types", "jobs_max", "kept_ms")
_FIRST: Final = Settings()
_FIRST_PLAIN: Final[dict[str, Any]] = {
    "types": {},
    "keys": {},
    "rates": {},
    "resources": {},
    "defaults": {},
    "paused": False,
    "paused_types": [],
    "jobs_max": _FIRST.jobs_max,
    "kept_ms": _FIRST.kept_ms,
}


def _changed_map(settings: Settings, key: str, change: Any) -> dict[str, Any]:
    if not isinstance(change, Mapping):
        raise _bad(key, "a map of names", change)
    known = dict(getattr(settings, key))
    for name, value in change.items():
        check_name(name, key)
        if value is None:
            known.pop(name, None)
        else:
            known[name] = _READERS[key](f"{key}.{name}", value)
    if len(known) > QUEUE_TYPES_SET_MAX:
        raise _bad(key, f"at most {QUEUE_TYPES_SET_MAX} names", len(known))
    if key == "defaults" and len(orjson.dumps(known)) > QUEUE_DEFAULTS_MAX_BYTES:
        raise _bad(key, f"at most {QUEUE_DEFAULTS_MAX_BYTES} bytes of JSON", change)
    return dict(sorted(known.items()))


def _rate(key: str, value: Any) -> Rate:
    if not isinstance(value, list | tuple) or len(value) != len(Rate._fields):
        raise _bad(key, "a pair: how many, within how many milliseconds", value)
    return Rate(_count(key, value[0], 1, _COUNT_MAX), _count(key, value[1], 1, RATE_PER_MAX_MS))


def _count(key: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _bad(key, f"a whole number of {least} to {most}", value)
    return value


def _truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(key, "true or false", value)
    return value


def _list(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > QUEUE_TYPES_SET_MAX:
        raise _bad(key, f"a list of at most {QUEUE_TYPES_SET_MAX} types", value)
    return value


def _bad(key: str, expected: str, found: object) -> MalformedError:
    return MalformedError(
        f"{key}: expected {expected}, found {str(found)[:64]!r}", code="bad_settings"
    )


def _at_least(least: int) -> Callable[[str, Any], int]:
    return lambda key, value: _count(key, value, least, _COUNT_MAX)


_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "types": _at_least(1),
    "keys": _at_least(1),
    "rates": _rate,
    "resources": _at_least(0),
    "defaults": read_defaults,
}
SETTINGS_KEYS: Final = frozenset([*_READERS, *_OTHERS])
"""What may be set."""
