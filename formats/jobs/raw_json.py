"""JSON that nobody here reads: arguments and results go through a queue as they are."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, Final

import orjson

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.limits import JOB_VALUE_DEPTH_MAX, JSON_INTEGER_MAX

_LONG: Final = re.compile(rb"[0-9]{%d}" % len(str(JSON_INTEGER_MAX)))


class RawJson:
    """A JSON value in the form that `dump_json` gives it.

    Attributes:
        raw: UTF-8 bytes.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawJson) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"RawJson({self.raw[:64]!r})"


def dump_json(value: Any, option: int = 0) -> bytes:
    """Return *value* in JSON, what is `RawJson` within it as it is.

    Raises:
        TypeError: JSON cannot carry it.
    """
    # orjson gives 4 KiB for a few bytes; a million jobs that wait would keep them.
    return memoryview(orjson.dumps(value, default=_as_json, option=option)).tobytes()


def dump_value(value: Any) -> bytes:
    """Return *value* as `dump_json` does, but nothing that would be read back as something else.

    Raises:
        TypeError: JSON cannot carry it; it has no numbers that are not finite.
    """
    raw = dump_json(value)
    # Such a number would be a null; most values have none, and are not looked at for it.
    if b"null" in raw and not _is_finite(value):
        raise TypeError("a number in it is not finite: JSON has none of those")
    return raw


def check_value(raw: bytes) -> None:
    """Return when every reader can read *raw*, which `dump_json` has made.

    Raises:
        LimitExceededError: it is deeper than ``JOB_VALUE_DEPTH_MAX``, or has an integer beyond
            ``JSON_INTEGER_MAX``.
    """
    # What has no more brackets than that is no deeper; most values are not even read for it.
    if raw.count(b"[") + raw.count(b"{") > JOB_VALUE_DEPTH_MAX or _LONG.search(raw):
        parse_json(raw, depth_max=JOB_VALUE_DEPTH_MAX)


def _is_finite(value: Any) -> bool:
    """Tell whether all numbers within *value*, which JSON can carry, are finite."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, float) and not isfinite(each):
            return False
        if isinstance(each, dict):
            todo.extend(each.values())
        elif isinstance(each, list | tuple):
            todo.extend(each)
    return True


def _as_json(value: object) -> object:
    if isinstance(value, RawJson):
        return orjson.Fragment(value.raw)
    if isinstance(value, tuple):  # one with names: orjson takes plain ones only
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can carry")
