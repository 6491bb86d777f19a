"""HyperBEAM's paths, as far as schedulers need them: segments, devices, keys in line.

A segment is ``name[~device][&key=value…]``; ``?`` sent as ``%3F`` starts keys too, as aoconnect
writes it. Keys in the query and in the path count alike; of two with one name, the last wins.
Source: specification §1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import unquote

from seriatim.formats.errors import LimitExceededError, MalformedError

SEGMENT_MAX_BYTES: Final = 512
SEGMENTS_MAX: Final = 16
# Clients post to the same few paths again and again; a target is bounded by the request line.
PATHS_CACHED_MAX: Final = 1024


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


@lru_cache(maxsize=PATHS_CACHED_MAX)
def parse_path(target: str) -> Path:
    """Return the steps and keys of a request's target.

    Args:
        target: path and query as they were sent, percent-encoded.

    Raises:
        LimitExceededError: too many segments, or one over ``SEGMENT_MAX_BYTES``.
        MalformedError: a segment is not UTF-8; code ``bad_path``.
    """
    segments: list[Segment] = []
    keys: dict[str, str] = {}
    raw_path, _, query = target.replace("%3f", "?").replace("%3F", "?").partition("?")
    for part in raw_path.split("/"):
        if not part:
            continue
        if len(part) > SEGMENT_MAX_BYTES:
            raise LimitExceededError("path segment", given=len(part), maximum=SEGMENT_MAX_BYTES)
        step, _, inline = _decode(part).partition("&")
        name, _, device = step.partition("~")
        _read_keys(inline, keys)
        segments.append(Segment(name, device))
    if len(segments) > SEGMENTS_MAX:
        raise LimitExceededError("path segments", given=len(segments), maximum=SEGMENTS_MAX)
    _read_keys(_decode(query).replace("?", "&"), keys)
    return Path(tuple(segments), MappingProxyType(keys))


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedError("the path is not UTF-8", code="bad_path") from error


def _read_keys(text: str, keys: dict[str, str]) -> None:
    """Add the ``&``-separated ``key[+type]=value`` of *text* to *keys*; the type is dropped."""
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            keys[name.partition("+")[0].lower()] = value
