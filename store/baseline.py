"""Bare LMDB: what ``seriatim bench`` holds the store against.

May live here: the least that an LMDB program can do for the same bytes. A node never runs it; it
is in this folder because ``lmdb`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

import lmdb

from seriatim.formats.limits import COMMIT_BATCH_MAX, MAP_BYTES
from seriatim.store.folder import DataFolder
from seriatim.store.keys import place_key

Ticket = TypeVar("Ticket")

_DATABASES_MAX: Final = 16


class BareLog:
    """One LMDB environment with the store's own settings, and one database in it."""

    def __init__(self, path: Path) -> None:
        """Open the folder *path*, which exists."""
        self._environment = lmdb.open(
            str(path), lib_version=0, map_size=MAP_BYTES, readahead=False, meminit=True
        )

    def put(self, process: bytes, slot: int, record: bytes) -> None:
        """Write one record durably, in a transaction of its own."""
        with self._environment.begin(write=True) as transaction:
            transaction.put(place_key(process, slot), record)

    def put_together(self, entries: Sequence[tuple[bytes, int, bytes]]) -> None:
        """Write *entries* (process, slot, record) durably in one transaction, a put for each."""
        with self._environment.begin(write=True) as transaction:
            for process, slot, record in entries:
                transaction.put(place_key(process, slot), record)

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()


class GroupCommit(Generic[Ticket]):
    """Group commit at its barest: a queue, and a thread that writes all that waits in it."""

    def __init__(self, log: BareLog, release: Callable[[list[Ticket]], object]) -> None:
        """Write to *log*; tell *release*, on the writing thread, whose entries are durable."""
        self._log = log
        self._release = release
        self._queue: SimpleQueue[tuple[Ticket, tuple[bytes, int, bytes]] | None] = SimpleQueue()

    def put_nowait(self, ticket: Ticket, process: bytes, slot: int, record: bytes) -> None:
        """Let an entry wait for the next transaction."""
        self._queue.put((ticket, (process, slot, record)))

    def stop(self) -> None:
        """Let `run` return once it has written what waits."""
        self._queue.put(None)

    def run(self) -> None:
        """Write batch after batch until `stop`; give it a thread."""
        while (first := self._queue.get()) is not None:
            batch = [first, *self._waiting()]
            self._log.put_together([entry for _, entry in batch])
            self._release([ticket for ticket, _ in batch])

    def _waiting(self) -> Iterator[tuple[Ticket, tuple[bytes, int, bytes]]]:
        """Yield what is in the queue now, up to a full batch; leave the order to stop in it."""
        with suppress(Empty):
            for _ in range(COMMIT_BATCH_MAX - 1):
                waiting = self._queue.get_nowait()
                if waiting is None:
                    self.stop()
                    return
                yield waiting


class RawReader:
    """A read-only cursor over the store of a data folder, which a node may have open."""

    def __init__(self, path: Path) -> None:
        """Open the data folder *path*."""
        self._environment = lmdb.open(
            str(DataFolder(path).log),
            lib_version=0,
            map_size=MAP_BYTES,
            max_dbs=_DATABASES_MAX,
            readonly=True,
            readahead=False,
        )

    def read(self, database: bytes, process: bytes, first: int, count: int) -> bytes:
        """Return *count* values of *database* from slot *first* of *process* on, joined."""
        handle = self._environment.open_db(database, create=False)
        with self._environment.begin(db=handle, buffers=True) as transaction:
            cursor = transaction.cursor()
            cursor.set_range(place_key(process, first))
            return b"".join(islice(cursor.iternext(keys=False), count))

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()
