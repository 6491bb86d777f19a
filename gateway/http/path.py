"""HyperBEAM's paths, as far as schedulers need them: segments, devices, keys in line.

A segment is ``name[~device][&key=value…]``; ``?`` sent as ``%3F`` starts keys too, as aoconnect
writes it. Keys in the query and in the path count alike; of two with one name, the last wins.
Source: specification §1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import (
    HTTP_KEYS_MAX,
    HTTP_PATHS_CACHED_MAX,
    HTTP_SEGMENT_MAX_BYTES,
    HTTP_SEGMENTS_MAX,
)


class Segment(NamedTuple):
    """One step of a path: ``abc~process@1.0`` is name ``abc``, device ``process@1.0``."""

    name: str
    device: str


class Path(NamedTuple):
    """A parsed path.

    Attributes:
        segments: the steps, none of them empty.
        keys: what the path and the query say beside them.
    """

    segments: tuple[Segment, ...]
    keys: Mapping[str, str]


def parse_path(target: str) -> Path:
    """Return the steps and keys of a request's target.

    Args:
        target: path and query as they were sent, percent-encoded.

    Raises:
        LimitExceededError: too many segments or keys, or a segment over
            ``HTTP_SEGMENT_MAX_BYTES``.
        MalformedError: it is not UTF-8; code ``bad_path``.
    """
    steps, _, query = target.replace("%3f", "?").replace("%3F", "?").partition("?")
    path = _parse_steps(steps)
    if not query:
        return path
    keys = dict(path.keys)
    _read_keys(query.replace("?", "&").split("&"), keys)
    return Path(path.segments, MappingProxyType(keys))


# Clients post to the same few paths again and again. Not the query: it seldom comes twice.
@lru_cache(maxsize=HTTP_PATHS_CACHED_MAX)
def _parse_steps(steps: str) -> Path:
    segments: list[Segment] = []
    keys: dict[str, str] = {}
    for part in steps.split("/"):
        if not part:
            continue
        if len(part) > HTTP_SEGMENT_MAX_BYTES:
            raise LimitExceededError(
                "path segment", given=len(part), maximum=HTTP_SEGMENT_MAX_BYTES
            )
        step, *inline = part.split("&")
        name, _, device = _decode(step).partition("~")
        _read_keys(inline, keys)
        segments.append(Segment(name, device))
        if len(segments) > HTTP_SEGMENTS_MAX:
            raise LimitExceededError(
                "path segments", given=len(segments), maximum=HTTP_SEGMENTS_MAX
            )
    return Path(tuple(segments), MappingProxyType(keys))


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedError("the path is not UTF-8", code="bad_path") from error


def _read_keys(pairs: list[str], keys: dict[str, str]) -> None:
    """Add *pairs*, ``key[+type]=value`` each, to *keys*; the type is dropped."""
    for pair in pairs:
        if pair:
            name, _, value = _decode(pair).partition("=")
            keys[name.partition("+")[0].lower()] = value
            if len(keys) > HTTP_KEYS_MAX:
                raise LimitExceededError("keys", given=len(keys), maximum=HTTP_KEYS_MAX)
