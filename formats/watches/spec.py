"""Specs of watches, read value by value: each fault names its key, and what is left is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeGuard

from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.ids import decode_id
from seriatim.formats.limits import (
    JSON_INTEGER_MAX,
    WATCH_LIST_MAX,
    WATCH_SPAN_MAX_MS,
    WATCH_TEXT_MAX_CHARS,
)
from seriatim.formats.message import Value
from seriatim.formats.recurrence.interval import parse_duration

_SHOWN_CHARS: Final = 80


class SpecReader:
    """Takes the values of one spec; call `end` behind the last."""

    def __init__(self, spec: Mapping[str, Value]) -> None:
        self._left = dict(spec)
        self._known: set[str] = set()

    def has(self, key: str) -> bool:
        """Tell whether the spec says something under *key*, which has not been taken."""
        return key in self._left

    def text(self, key: str) -> str:
        """Take text of 1 to ``WATCH_TEXT_MAX_CHARS`` characters, which has to be there."""
        value = self._take(key)
        if not isinstance(value, str) or not 0 < len(value) <= WATCH_TEXT_MAX_CHARS:
            raise bad_watch(key, f"text of 1 to {WATCH_TEXT_MAX_CHARS} characters", value)
        return value

    def texts(self, key: str, *, among: Collection[str] = ()) -> tuple[str, ...]:
        """Take a list of 1 to ``WATCH_LIST_MAX`` texts, each one of *among* where that says any.

        Empty where the spec says nothing.
        """
        if not self._is_there(key):
            return ()
        value = self._take(key)
        if isinstance(value, tuple | list) and 0 < len(value) <= WATCH_LIST_MAX:
            found = [each for each in value if _is_text(each, among)]
            if len(found) == len(value):
                return tuple(map(str, found))
        words = f", each one of {', '.join(among)}" if among else ""
        raise bad_watch(key, f"a list of 1 to {WATCH_LIST_MAX} texts{words}", value)

    def span_ms(self, key: str, *, default_ms: int, least_ms: int = 0) -> int:
        """Take a duration such as ``2s``, *least_ms* to ``WATCH_SPAN_MAX_MS``; ``0`` for none."""
        if not self._is_there(key):
            return default_ms
        value = self._take(key)
        span_ms = _span_ms(value) if isinstance(value, str) else None
        if span_ms is not None and least_ms <= span_ms <= WATCH_SPAN_MAX_MS:
            return span_ms
        bounds = f"{least_ms} ms to {WATCH_SPAN_MAX_MS} ms"
        raise bad_watch(key, f"a duration such as '2s', {bounds}", value)

    def number(self, key: str) -> float:
        """Take a number within ±``JSON_INTEGER_MAX``, which has to be there."""
        value = self._take(key)
        if is_number(value) and -JSON_INTEGER_MAX <= value <= JSON_INTEGER_MAX:
            return value
        raise bad_watch(key, "a number", value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Take a truth value."""
        if not self._is_there(key):
            return default
        value = self._take(key)
        if not isinstance(value, bool):
            raise bad_watch(key, "true or false", value)
        return value

    def process(self, key: str) -> bytes:
        """Take the id of a process, 43 characters, which has to be there; return 32 raw bytes."""
        value = self.text(key)
        try:
            return decode_id(value)
        except MalformedError as error:
            raise bad_watch(key, "the id of a process, 43 characters", value) from error

    def map(self, key: str) -> Mapping[str, Value]:
        """Take a map of 1 to ``WATCH_LIST_MAX`` entries; an empty one where nothing is said."""
        if not self._is_there(key):
            return {}
        value = self._take(key)
        if not isinstance(value, Mapping) or not 0 < len(value) <= WATCH_LIST_MAX:
            raise bad_watch(key, f"a map of 1 to {WATCH_LIST_MAX} entries", value)
        return value

    def end(self) -> None:
        """Return when everything that the spec says has been taken.

        Raises:
            MalformedError: it says more; code ``bad_watch``.
        """
        for key in self._left:
            known = ", ".join(sorted(self._known)) or "nothing but its kind"
            raise MalformedError(
                f"the watch cannot have {key[:_SHOWN_CHARS]!r}; it can have {known}; leave it out",
                code="bad_watch",
            )

    def _is_there(self, key: str) -> bool:
        self._known.add(key)
        return key in self._left

    def _take(self, key: str) -> Value | None:
        self._known.add(key)
        return self._left.pop(key, None)


def bad_watch(key: str, expected: str, given: object) -> MalformedError:
    """Return the error for what a spec says, or does not say, under *key*; code ``bad_watch``."""
    found = "nothing" if given is None else repr(given)[:_SHOWN_CHARS]
    return MalformedError(
        f"{key} of the watch: expected {expected}, found {found}; mend it and send it again",
        code="bad_watch",
    )


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether *value* is a number, which a truth value is not here."""
    return isinstance(value, float) or _is_whole(value)


def _span_ms(text: str) -> int | None:
    """Return the milliseconds of a duration, ``0`` included; ``None`` for what is none."""
    if text == "0":
        return 0
    try:
        return parse_duration(text)
    except FormatError:
        return None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object, among: Collection[str]) -> bool:
    is_short = isinstance(value, str) and 0 < len(value) <= WATCH_TEXT_MAX_CHARS
    return is_short and (not among or value in among)
