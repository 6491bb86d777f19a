"""What workers have said of themselves last: a small environment of its own, beside the log.

A beat is a heartbeat as it is kept: bytes under a worker's name. It is worth nothing after a power
cut, and is written once a second for each worker; so nothing is synced, and the log's transactions
have nothing to do with it. What is kept outlives the node, though, and is there for whoever reads.

The running node writes, any number of others read. After a start of the machine, the file is made
anew: what was not synced then may not even be a file that LMDB can read.

May live here: bytes by name. Must not: what they say; see ``formats/monitor/beat.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import LimitExceededError, StoreError
from seriatim.formats.limits import (
    BEAT_MAX_BYTES,
    BEATS_MAP_BYTES,
    WORKER_NAME_MAX_BYTES,
    WORKERS_MAX,
)
from seriatim.store.environment import Environment
from seriatim.store.folder import FILE_MODE, create_private_folder

if TYPE_CHECKING:
    from pathlib import Path

_BEATS: Final = b"beats"
_DATABASES: Final = (b"meta", _BEATS)
_BOOT: Final = "boot"
_FILES: Final = ("data.mdb", "lock.mdb")


class BeatStore:
    """The beats of one data folder, by the names of the workers."""

    def __init__(self, environment: Environment) -> None:
        """Take over *environment*; use `open_writer` or `open_reader`."""
        self._environment = environment
        self._beats = environment.database(_BEATS)

    @classmethod
    def open_writer(cls, path: Path, *, boot: str) -> BeatStore:
        """Open the folder *path* for writing, made where it is missing.

        Args:
            path: `DataFolder.beats`.
            boot: names this run of the machine; empty where nobody knows. What an earlier run has
                written is dropped; where nobody knows, whatever is there.

        Raises:
            StoreError: it cannot be made or opened, or is open in this OS process already.
        """
        create_private_folder(path)
        try:
            _drop_of_another_boot(path, boot)
        except OSError as error:
            raise StoreError(f"{path} cannot be made anew: {error.strerror}") from error
        return cls(
            Environment.open_writer(
                path, map_bytes=BEATS_MAP_BYTES, databases=_DATABASES, is_synced=False
            )
        )

    @classmethod
    def open_reader(cls, path: Path) -> BeatStore:
        """Open the folder *path* for reading only.

        Raises:
            StoreError: there is none, or it cannot be opened.
        """
        return cls(Environment.open_reader(path, map_bytes=BEATS_MAP_BYTES, databases=_DATABASES))

    def get(self, worker: str) -> bytes | None:
        """Return the last beat of *worker*; ``None`` for none."""
        key = worker.encode(errors="replace")
        if not 0 < len(key) <= WORKER_NAME_MAX_BYTES:
            return None
        with self._environment.reading() as transaction:
            found = transaction.get(key, db=self._beats)
            return None if found is None else bytes(found)

    def all(self, limit: int = WORKERS_MAX) -> Sequence[tuple[str, bytes]]:
        """Return up to *limit* beats, by name, all at one moment."""
        found: list[tuple[str, bytes]] = []
        with self._environment.reading() as transaction:
            for key, value in transaction.cursor(self._beats).iternext():
                if len(found) == limit:
                    break
                found.append((bytes(key).decode(errors="replace"), bytes(value)))
        return found

    def change(self, beats: Sequence[tuple[str, bytes | None]]) -> None:
        """Keep *beats* in place of the last ones, or drop them for ``None``; all together.

        Raises:
            LimitExceededError: a name, or a beat, is too long.
            StoreError: the storage refused.
        """
        for worker, beat in beats:
            _check("length of a worker's name", len(worker.encode()), WORKER_NAME_MAX_BYTES)
            _check("size of a beat in bytes", len(beat or b""), BEAT_MAX_BYTES)
        with self._environment.writing() as transaction:
            for worker, beat in beats:
                if beat is None:
                    transaction.delete(worker.encode(), db=self._beats)
                else:
                    transaction.put(worker.encode(), beat, db=self._beats)

    def close(self) -> None:
        """Release everything. Idempotent."""
        self._environment.close()


def _check(limit: str, given: int, maximum: int) -> None:
    if given > maximum:
        raise LimitExceededError(limit, given=given, maximum=maximum)


def _drop_of_another_boot(path: Path, boot: str) -> None:
    said = path / _BOOT
    with suppress(FileNotFoundError):
        if boot and said.read_text("utf-8", errors="replace") == boot:
            return
    # In this order: whatever ends it in between, it is begun anew the next time.
    said.unlink(missing_ok=True)
    for name in _FILES:
        (path / name).unlink(missing_ok=True)
    said.touch(FILE_MODE)
    said.write_text(boot, "utf-8")
