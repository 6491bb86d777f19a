"""What a job of every contender does, and the one file from which it is known to have run.

A job looks at the clock and appends a record to a file, without a sync: 16 bytes, little-endian,
the job's number (8) and the moment at which its function began (8), by the clock that all OS
processes of a machine share. That is all that is known of a job, for all contenders alike.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from struct import Struct
from time import monotonic_ns
from typing import Final, NamedTuple

from seriatim.gateway.bench.jobs.stage import Stage

_LAYOUT: Final = Struct("<QQ")
RECORD_BYTES: Final = _LAYOUT.size


class Record(NamedTuple):
    """One run of a job.

    Attributes:
        number: of the job, as its producer has given it.
        began_ns: when its function began; `time.monotonic_ns`.
    """

    number: int
    began_ns: int


def encode_record(record: Record) -> bytes:
    """Return the 16 bytes of *record*."""
    return _LAYOUT.pack(*record)


def decode_records(raw: bytes) -> list[Record]:
    """Return the whole records at the start of *raw*; what is left over is being written."""
    whole = len(raw) - len(raw) % RECORD_BYTES
    return [Record(*fields) for fields in _LAYOUT.iter_unpack(raw[:whole])]


def run_job(number: int) -> None:
    """Be the job *number*, of whichever contender: look at the clock, and append a record."""
    began_ns = monotonic_ns()
    # One write for a record: those of several OS processes do not mix in a file that is appended.
    os.write(_descriptor(), encode_record(Record(number, began_ns)))


@cache
def _descriptor() -> int:
    """Return the file of this OS process's stage; a fork of it may write to the same."""
    return os.open(Stage.of_this_process().records, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class RecordReader:
    """The measuring side: reads each record once, in the order of the file."""

    def __init__(self, path: Path) -> None:
        """Read *path*, which need not be there yet, from its start."""
        self._path = path
        self._read_bytes = 0

    def waiting(self) -> int:
        """Return how many whole records are there and not read; a look at the file's size."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return 0
        return (size - self._read_bytes) // RECORD_BYTES

    def read_new(self) -> list[Record]:
        """Return the whole records that have come since the last call."""
        if not self.waiting():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            records = decode_records(file.read())
        self._read_bytes += len(records) * RECORD_BYTES
        return records
