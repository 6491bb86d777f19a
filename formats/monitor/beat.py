"""A beat as it is kept: what a worker has said of itself, and when the node has heard it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import orjson

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.status import WorkerStatus
from seriatim.formats.limits import BEAT_MAX_BYTES


class Beat(NamedTuple):
    """The last heartbeat of a worker.

    Attributes:
        status: what it said.
        heard_ms: the node's wall clock when it heard it: for people; what is stale is found by
            whoever looks, by a clock that nobody sets. See ``episodes.py``.
    """

    status: WorkerStatus
    heard_ms: int


def encode_beat(beat: Beat) -> bytes:
    """Return *beat* as it is kept: JSON of at most ``BEAT_MAX_BYTES``.

    What its jobs say of themselves is left out where it would be longer, then its jobs, and then
    their types: the rest is bounded where it is read.

    Raises:
        MalformedError: JSON cannot carry what it says; code ``bad_beat``.
    """
    raw = _encode(beat)
    if len(raw) > BEAT_MAX_BYTES:
        silent = [each._replace(note="") for each in beat.status.running]
        raw = _encode(beat._replace(status=beat.status._replace(running=silent)))
    if len(raw) > BEAT_MAX_BYTES:
        raw = _encode(beat._replace(status=beat.status._replace(running=())))
    if len(raw) > BEAT_MAX_BYTES:
        raw = _encode(beat._replace(status=beat.status._replace(running=(), types=())))
    return raw


def decode_beat(raw: bytes) -> Beat:
    """Return the beat that `encode_beat` has made *raw* of.

    Raises:
        MalformedError: it is damaged; code ``bad_beat``.
    """
    try:
        plain = orjson.loads(raw)
        return Beat(WorkerStatus.from_plain(plain["status"]), int(plain["heard_ms"]))
    except (MalformedError, ValueError, TypeError, KeyError) as error:
        raise MalformedError(f"a damaged beat: {error!r}", code="bad_beat") from error


def read_beats(rows: Iterable[tuple[str, bytes]]) -> list[Beat]:
    """Return the beats of *rows*, in their order; those that are damaged are left out."""
    found = []
    for _, raw in rows:
        with suppress(MalformedError):
            found.append(decode_beat(raw))
    return found


def _encode(beat: Beat) -> bytes:
    try:
        return orjson.dumps({"heard_ms": beat.heard_ms, "status": beat.status.to_plain()})
    except TypeError as error:  # orjson's, of text that is no Unicode
        raise MalformedError(f"no beat for JSON: {error}", code="bad_beat") from error
