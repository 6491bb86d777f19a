"""Where the tree keeps what a queue is: rows that are written with the slots they follow from.

::

    queues/names/QUEUE              id of the process whose log is the queue's
    queues/heads/QUEUE              its last slot, and how many jobs are in which state: head.py
    queues/settings/QUEUE           what somebody has set for it; none where nobody has
    queues/types/QUEUE/TYPE         the same numbers of one type
    queues/unique/QUEUE/HASH        the last job that was submitted under a unique key
    queues/open/QUEUE/SLOT          the jobs that are leased after each so-manieth slot
    queues/ended/QUEUE/TIME.SLOT    the jobs that have ended in a slot: what is forgotten first
    queues/drains/WORKER            empty: its operator wants that worker to end; of no queue
    jobs/QUEUE/STATE/JOB            a job
    jobs/QUEUE/output/JOB~TOKEN.N   a piece of what an attempt has printed; not of the fold
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from seriatim.formats.ids import b64url
from seriatim.formats.jobs.state import JobState

NAMES: Final = ("queues", "names")
DRAINS: Final = ("queues", "drains")
_TIME_DIGITS: Final = 15
_SLOT_DIGITS: Final = 12
_PIECE_DIGITS: Final = 9
_PIECE: Final = re.compile(rf"[0-9]{{{_SLOT_DIGITS}}}\.[0-9]{{{_PIECE_DIGITS}}}")

Path = tuple[str, ...]


def name_path(queue: str) -> Path:
    """Return where the id of the process of *queue* stands."""
    return (*NAMES, queue)


def head_path(queue: str) -> Path:
    """Return where the last slot and the numbers of *queue* stand."""
    return ("queues", "heads", queue)


def settings_path(queue: str) -> Path:
    """Return where the settings of *queue* stand."""
    return ("queues", "settings", queue)


def drain_path(worker: str) -> Path:
    """Return where it stands that *worker* is to end."""
    return (*DRAINS, worker)


def types_group(queue: str) -> Path:
    """Return where the numbers of each type stand."""
    return ("queues", "types", queue)


def type_path(queue: str, kind: str) -> Path:
    """Return where the numbers of the type *kind* stand."""
    return (*types_group(queue), kind)


def unique_path(queue: str, key: str) -> Path:
    """Return where the last job under the unique key *key* stands."""
    return ("queues", "unique", queue, b64url(sha256(key.encode()).digest()))


def open_group(queue: str) -> Path:
    """Return where it stands which jobs were leased, by slot."""
    return ("queues", "open", queue)


def open_path(queue: str, slot: int) -> Path:
    """Return where it stands which jobs are leased after *slot*; see ``spans.py``."""
    return (*open_group(queue), f"{slot:0{_SLOT_DIGITS}d}")


def ended_group(queue: str) -> Path:
    """Return where the names of jobs that have ended stand, the oldest first."""
    return ("queues", "ended", queue)


def ended_path(queue: str, ended_ms: int, slot: int) -> Path:
    """Return where the names of the jobs stand that have ended in *slot*."""
    name = f"{ended_ms:0{_TIME_DIGITS}d}.{slot:0{_SLOT_DIGITS}d}"
    return (*ended_group(queue), name)


def ended_at(name: str) -> int:
    """Return when those jobs have ended whose names stand under *name*; see `ended_path`."""
    return int(name.partition(".")[0])


def state_group(queue: str, state: JobState) -> Path:
    """Return where the jobs in *state* stand."""
    return ("jobs", queue, state.value)


def job_path(queue: str, state: JobState, job: str) -> Path:
    """Return where *job* stands while it is in *state*."""
    return ("jobs", queue, state.value, job)


def queue_groups(queue: str) -> Iterator[Path]:
    """Yield where all rows of *queue* stand that follow from its log, but those of itself."""
    yield types_group(queue)
    yield ("queues", "unique", queue)
    yield open_group(queue)
    yield ended_group(queue)
    for state in JobState:
        yield state_group(queue, state)


def output_group(queue: str) -> Path:
    """Return where the pieces stand that jobs have printed: those of a job beside each other."""
    return ("jobs", queue, "output")


def output_prefix(job: str) -> str:
    """Return what the names of the pieces of *job* begin with, and no others."""
    return f"{job}~"


def is_output_piece(name: str) -> bool:
    """Tell whether *name* is that of a piece, behind `output_prefix`."""
    return _PIECE.fullmatch(name) is not None


def output_path(queue: str, job: str, token: int, piece: int) -> Path:
    """Return where the *piece*-th piece stands, from 0, that the attempt of *token* has printed."""
    name = f"{output_prefix(job)}{token:0{_SLOT_DIGITS}d}.{piece:0{_PIECE_DIGITS}d}"
    return (*output_group(queue), name)
