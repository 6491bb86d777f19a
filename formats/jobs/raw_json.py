"""JSON that nobody here reads: arguments and results go through a queue as they are."""

from __future__ import annotations

from typing import Any

import orjson


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
    return orjson.dumps(value, default=_as_json, option=option)


def _as_json(value: object) -> object:
    if isinstance(value, RawJson):
        return orjson.Fragment(value.raw)
    if isinstance(value, tuple):  # one with names: orjson takes plain ones only
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can carry")
