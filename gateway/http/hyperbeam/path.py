"""HyperBEAM's paths, as far as schedulers need them: steps, devices, and keys with a scope.

A segment is ``name[~device][&key[+type][=value]…]``; a key in the query goes to every step, one in
a segment to that step, and ``N.key`` to step N alone, where 0 is what the path starts from and 1
the first key on it. ``?`` sent as ``%3F`` within the path starts the query too, as aoconnect writes
it. Of two keys with one name, the last wins. Source: specification §1.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import unquote

from seriatim.formats.errors import LimitExceededError, MalformedError, UnsupportedError
from seriatim.formats.ids import ID_CHARS
from seriatim.formats.limits import (
    HTTP_KEYS_MAX,
    HTTP_PATHS_CACHED_MAX,
    HTTP_SEGMENT_MAX_BYTES,
    HTTP_SEGMENTS_MAX,
)
from seriatim.formats.tabm.structured import Atom, Rich

Keys = Mapping[str, str]
NO_KEYS: Final[Keys] = MappingProxyType({})

_SCOPE: Final = re.compile(r"[0-9]+")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_FLOAT: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TEXT: Final = re.compile(r".*", re.DOTALL)
_TYPES: Final = MappingProxyType({"integer": _INTEGER, "float": _FLOAT, "atom": _TEXT})
_ATOMS: Final[Mapping[str, Rich]] = MappingProxyType({"true": True, "false": False})
_TRUE: Final = "true"


class Step(NamedTuple):
    """One segment: ``abc~process@1.0&from=1`` is ``abc``, ``process@1.0`` and one key.

    Attributes:
        name: what is asked for; empty where the segment only names a device.
        device: ``name@version``; empty for none.
        keys: what the segment says beside them, by lower-case name.
    """

    name: str
    device: str
    keys: Keys

    @property
    def is_id(self) -> bool:
        """Whether the name has the length of an id."""
        return len(self.name) == ID_CHARS


class Path(NamedTuple):
    """A parsed path.

    Attributes:
        steps: the segments, none of them empty.
        query: what the query says, scoped keys included.
    """

    steps: tuple[Step, ...]
    query: Keys

    @property
    def has_base(self) -> bool:
        """Whether the first step is what the path starts from: an id, or a device alone."""
        return bool(self.steps) and (self.steps[0].is_id or not self.steps[0].name)

    def keys_at(self, index: int) -> Keys:
        """Return the keys of step *index* of `steps`, their types checked and dropped.

        Raises:
            MalformedError: a scope that is no number (``bad_scope``), or a value that is not of
                its type (``bad_query``).
            UnsupportedError: a value that would have to be resolved.
        """
        found = self._typed_at(index)
        return dict(_untyped(each) for each in found.items()) if found else NO_KEYS

    def values_at(self, index: int) -> Mapping[str, Rich]:
        """Return the keys of step *index* as the message that they are: each value of its type.

        Raises:
            MalformedError, UnsupportedError: as for `keys_at`.
        """
        return dict(_valued(each) for each in self._typed_at(index).items())

    def _typed_at(self, index: int) -> Keys:
        """Return the keys of step *index*, by names that still have their types."""
        own = self.steps[index].keys
        if not self.query and not own:
            return NO_KEYS
        number = index if self.has_base else index + 1
        keys: dict[str, str] = {}
        scoped: dict[str, str] = {}
        for name, value in self.query.items():
            scope, dot, rest = name.partition(".")
            if not dot:
                keys[name] = value
            elif not _SCOPE.fullmatch(scope):
                raise MalformedError(
                    f"{name[:64]!r} is no key: before a dot stands the number of a step",
                    code="bad_scope",
                )
            elif (scope.lstrip("0") or "0") == str(number):
                scoped[rest] = value
        return {**keys, **own, **scoped}


def parse_path(target: str) -> Path:
    """Return the steps and keys of a request's target.

    Args:
        target: path and query as they were sent, percent-encoded.

    Raises:
        LimitExceededError: too many segments or keys, or a segment over
            ``HTTP_SEGMENT_MAX_BYTES``.
        MalformedError: it is not UTF-8; code ``bad_path``.
        UnsupportedError: it has a path in parentheses.
    """
    steps, _, query = target.partition("?")
    if "%3" in steps:
        steps, _, early = steps.replace("%3f", "%3F").partition("%3F")
        query = f"{early}&{query}"
    return Path(_parse_steps(steps), _read_keys(query.split("&")) if query else NO_KEYS)


# Clients post to the same few paths again and again. Not the query: it seldom comes twice.
@lru_cache(maxsize=HTTP_PATHS_CACHED_MAX)
def _parse_steps(path: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    for part in path.split("/"):
        if not part:
            continue
        if len(part) > HTTP_SEGMENT_MAX_BYTES:
            raise LimitExceededError(
                "path segment", given=len(part), maximum=HTTP_SEGMENT_MAX_BYTES
            )
        step, *inline = part.split("&")
        name, _, device = _decode(step).partition("~")
        if name.startswith("("):
            raise UnsupportedError("paths in parentheses are not resolved here; ask step by step")
        steps.append(Step(name, device, _read_keys(inline)))
        if len(steps) > HTTP_SEGMENTS_MAX:
            raise LimitExceededError("path segments", given=len(steps), maximum=HTTP_SEGMENTS_MAX)
    return tuple(steps)


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedError("the path is not UTF-8", code="bad_path") from error


def _read_keys(pairs: list[str]) -> Keys:
    """Return *pairs*, ``key[+type][=value]`` each; a key alone is true."""
    keys: dict[str, str] = {}
    for pair in pairs:
        if not pair:
            continue
        name, equals, value = _decode(pair).partition("=")
        keys[name.lower()] = value if equals else _TRUE
        if len(keys) > HTTP_KEYS_MAX:
            raise LimitExceededError("keys", given=len(keys), maximum=HTTP_KEYS_MAX)
    return MappingProxyType(keys) if keys else NO_KEYS


def _untyped(pair: tuple[str, str]) -> tuple[str, str]:
    """Return a key without its type, which its value has."""
    typed, value = pair
    name, plus, kind = typed.partition("+")
    if kind == "resolve" or value.startswith("("):
        raise UnsupportedError(f"{name[:64]!r} would have to be resolved; send the value itself")
    if plus and kind in _TYPES and not _TYPES[kind].fullmatch(value):
        raise MalformedError(f"{name[:64]!r} is no {kind}: {value[:32]!r}", code="bad_query")
    if plus and kind not in _TYPES:
        raise MalformedError(
            f"no type {kind[:32]!r} for a key; there are {', '.join(_TYPES)}", code="bad_query"
        )
    return name, value


def _valued(pair: tuple[str, str]) -> tuple[str, Rich]:
    """Return a key with its value, of the type that it says."""
    name, value = _untyped(pair)
    kind = pair[0].partition("+")[2]
    if kind == "integer":
        return name, int(value)
    if kind == "float":
        return name, _finite(name, value)
    return name, _ATOMS.get(value, Atom(value)) if kind == "atom" else value


def _finite(name: str, text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise MalformedError(f"{name[:64]!r} is too large for a float", code="bad_query")
    return number
