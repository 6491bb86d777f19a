"""The LMDB environment under a data folder: opening, transactions, and closing it safely.

May live here: what every database of the store shares. Must not: what a database means.
This is the one place that turns ``lmdb.Error`` into `StoreError`.

One OS process writes (``Environment.open_writer``); any number of others may read at the same
time (``Environment.open_reader``). Never fork once an environment is open: the child could
commit the parent's transaction. Start other programs with ``subprocess`` instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Final

import lmdb

from seriatim.formats.errors import (
    OverloadedError,
    SchedulerError,
    StoreError,
    StoreVersionError,
)
from seriatim.formats.limits import (
    DISK_FREE_MIN_BYTES,
    MAP_BYTES,
    READERS_CHECK_TRANSACTIONS,
    READERS_MAX,
    RETRY_AFTER_MS,
)
from seriatim.store.folder import (
    FILE_MODE,
    create_private_file,
    create_private_folder,
    sync_folder,
)

if TYPE_CHECKING:
    from types import TracebackType

    from lmdb import Transaction
    from lmdb import _Database as Database

STORE_FORMAT: Final = 1

_DATABASES: Final = (
    b"meta",
    b"log",
    b"ids",
    b"views",
    b"processes",
    b"commits",
    b"renditions",
    b"outbox",
    b"uploads",
    b"tree",
)
_META_PAGES: Final = 2
_FORMAT_KEY: Final = b"format"
_CREATED_BY_KEY: Final = b"created-by"


class Reading:
    """A block in a read transaction; see `Environment.reading`.

    A class with slots: thousands of these begin and end each second, and a generator takes twice as
    long.
    """

    __slots__ = ("_environment", "_handle", "_transaction")

    def __init__(self, environment: Environment, handle: lmdb.Environment) -> None:
        self._environment = environment
        self._handle = handle
        self._transaction: Transaction[memoryview] | None = None

    def __enter__(self) -> Transaction[memoryview]:
        environment = self._environment
        outer = environment._write_transaction()  # noqa: SLF001  # the two are one
        if outer is not None:
            return outer
        environment._begin()  # noqa: SLF001  # as above
        try:
            self._transaction = self._handle.begin(buffers=True)
        except BaseException as error:
            environment._end()  # noqa: SLF001  # as above
            if isinstance(error, lmdb.Error):
                raise environment._error_of(error) from error  # noqa: SLF001  # as above
            raise
        return self._transaction

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._transaction is not None:
            self._transaction.abort()
            self._environment._end()  # noqa: SLF001  # as above
        if isinstance(error, lmdb.Error):
            raise self._environment._error_of(error) from error  # noqa: SLF001  # as above


class Environment:
    """An open LMDB environment, with every database of the store in it.

    Safe from any thread, with one write transaction at a time. `close` waits for transactions
    that are under way in other threads, so that none of them touches unmapped memory; do not
    call it from inside a transaction.
    """

    def __init__(self, path: Path, handle: lmdb.Environment, names: Sequence[bytes]) -> None:
        """Take over *handle*, with the databases *names*; use `open_writer` or `open_reader`."""
        self.path = path
        self._handle = handle
        self._names = names
        self._databases: dict[bytes, Database] = {}
        self._gate = threading.Condition()
        self._open_transactions = 0
        self._writing: tuple[int, Transaction[memoryview]] | None = None
        self._is_doomed = False
        self._unchecked = 0
        self._closed = False

    @classmethod
    def open_writer(
        cls,
        path: Path,
        *,
        created_by: str = "seriatim",
        map_bytes: int = MAP_BYTES,
        databases: Sequence[bytes] = _DATABASES,
        is_synced: bool = True,
    ) -> Environment:
        """Open the folder *path* for writing; make it and its databases where missing.

        Args:
            path: the folder of the environment, `DataFolder.log`.
            created_by: who makes a new store, kept in it for people to read.
            map_bytes: the largest size that the data file may reach. Address space, not disk
                or memory; fixed for as long as the environment is open.
            databases: what is in it, ``meta`` among them.
            is_synced: whether a transaction is on disk when it has ended. Without that, a power
                cut may leave a file that nobody should open again.

        Raises:
            StoreVersionError: a newer seriatim wrote it.
            StoreError: it cannot be opened, is open in this OS process already, or holds
                something else.
        """
        try:
            create_private_folder(path)
            for name in ("data.mdb", "lock.mdb"):
                create_private_file(path / name)
            sync_folder(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be made a store: {error.strerror}") from error
        flags = {"readonly": False, "sync": is_synced, "metasync": is_synced}
        handle = _open(path, map_bytes=map_bytes, flags=flags)
        environment = cls(path, handle, databases)
        with _closed_on_error(environment):
            environment._create(created_by)
        return environment

    @classmethod
    def open_reader(
        cls, path: Path, *, map_bytes: int = MAP_BYTES, databases: Sequence[bytes] = _DATABASES
    ) -> Environment:
        """Open the folder *path* for reading only; a writer may have it open elsewhere.

        Args:
            path: the folder of the environment.
            map_bytes: at least as large as the data file; see `open_writer`.
            databases: what is in it.

        Raises:
            StoreVersionError: a newer seriatim wrote it.
            StoreError: there is no store, or it cannot be opened.
        """
        try:
            if not (path / "data.mdb").exists():
                raise StoreError(f"{path} holds no store; start a node on it first")
        except OSError as error:
            raise StoreError(f"{path} cannot be looked into: {error.strerror}") from error
        handle = _open(path, map_bytes=map_bytes, flags={"readonly": True, "create": False})
        environment = cls(path, handle, databases)
        with _closed_on_error(environment):
            environment._attach()
        return environment

    def database(self, name: bytes) -> Database:
        """Return the handle of the database *name*, one of the store's own."""
        return self._databases[name]

    def reading(self) -> Reading:
        """Run a block in a read transaction: a snapshot of what is durable.

        Keep it short, and copy what leaves the block: its buffers die with it, and pages that
        it can see are not used again while it is open. Never ``yield`` from inside. Within
        `writing`, on its thread, it is that transaction, and sees what that has written.

        Raises:
            StoreError: LMDB refused, or the environment is closed.
            OverloadedError: ``READERS_MAX`` others read at this moment, in all OS processes.
        """
        return Reading(self, self._handle)

    @contextmanager
    def writing(self) -> Iterator[Transaction[memoryview]]:
        """Run a block in the write transaction; commit durably at its end.

        An exception from the block aborts it. Begin and end are on one thread: LMDB's writer
        lock belongs to the thread that took it. Within another one it is that transaction, so
        that what several parts of the store write together is there together, or not at all.

        Raises:
            StoreError: LMDB refused, or the environment is closed. When it comes from the
                commit, whether the transaction took place is unknown.
        """
        outer = self._write_transaction()
        if outer is not None:
            try:
                yield outer
            except BaseException:
                self._is_doomed = True  # half of what it was to write may be there
                raise
            return
        self._unchecked += 1
        if self._unchecked == READERS_CHECK_TRANSACTIONS:
            # LMDB does so by itself only when no slot for a reader is left.
            self._unchecked = 0
            self.reader_check()
        with self._transaction(), self._handle.begin(write=True, buffers=True) as transaction:
            self._writing, self._is_doomed = (threading.get_ident(), transaction), False
            try:
                yield transaction
            finally:
                self._writing = None
            if self._is_doomed:
                raise StoreError("a part of what was to be written together has failed")

    def _write_transaction(self) -> Transaction[memoryview] | None:
        """Return the write transaction that is open on this thread, if one is."""
        writing = self._writing  # one at a time, by LMDB's lock
        return writing[1] if writing is not None and writing[0] == threading.get_ident() else None

    def reader_check(self) -> int:
        """Free the reader slots of OS processes that have died; return how many there were.

        A dead reader keeps the pages of its snapshot from being used again.

        Raises:
            StoreError: LMDB refused, or the environment is closed.
        """
        with self._transaction():
            return self._handle.reader_check()

    def used_bytes(self) -> int:
        """Return how large a copy would be now.

        Raises:
            StoreError: LMDB refused, or the environment is closed.
        """
        with self.reading() as transaction:
            stats = [self._handle.stat(), *map(transaction.stat, self._databases.values())]
        pages = sum(s["branch_pages"] + s["leaf_pages"] + s["overflow_pages"] for s in stats)
        return (_META_PAGES + pages) * int(stats[0]["psize"])

    def copy(self, descriptor: int) -> None:
        """Write to *descriptor* a data file with all that is durable now, and no free pages.

        One read transaction, however long it takes; the writer goes on, and a pipe will do.

        Raises:
            StoreError: LMDB refused, or the environment is closed, or the descriptor is.
        """
        with self._transaction():
            self._handle.copyfd(descriptor, compact=True)

    def close(self) -> None:
        """Wait for the transactions under way, then release everything. Idempotent."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._gate.wait_for(lambda: self._open_transactions == 0)
            self._handle.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        except lmdb.Error as error:
            raise self._error_of(error) from error
        finally:
            self._end()

    def _begin(self) -> None:
        """Count a transaction: `close` waits for it."""
        with self._gate:
            if self._closed:
                raise StoreError(f"{self.path} is closed")
            self._open_transactions += 1

    def _end(self) -> None:
        with self._gate:
            self._open_transactions -= 1
            if self._closed:
                self._gate.notify_all()

    def _error_of(self, error: lmdb.Error) -> SchedulerError:
        """Return what *error* is in our words."""
        if isinstance(error, lmdb.ReadersFullError):
            return OverloadedError("the store's readers", retry_after_ms=RETRY_AFTER_MS)
        return StoreError(f"{self.path}: {error}{self._room()}")

    def _room(self) -> str:
        """Return what to do where the disk is full: LMDB only says that it could not write."""
        with suppress(OSError):
            free_bytes = disk_usage(self.path).free
            if free_bytes < DISK_FREE_MIN_BYTES:
                return f"; its disk has {free_bytes} bytes left: make room"
        return ""

    def _create(self, created_by: str) -> None:
        """Make whatever is missing in one transaction: a store is whole or not there."""
        self.reader_check()
        with self._transaction():
            is_foreign = self._handle.stat()["entries"] and b"meta" not in self._handle.dbs()
        if is_foreign:
            raise StoreError(f"{self.path} is an LMDB environment of some other program")
        with self.writing() as transaction:
            self._databases = {
                name: self._handle.open_db(name, txn=transaction) for name in self._names
            }
            meta = self._databases[b"meta"]
            if transaction.get(_FORMAT_KEY, db=meta) is None:
                transaction.put(_FORMAT_KEY, STORE_FORMAT.to_bytes(4, "big"), db=meta)
                transaction.put(_CREATED_BY_KEY, created_by.encode(), db=meta)
            self._check_format(transaction)

    def _attach(self) -> None:
        with self._transaction():
            present = self._handle.dbs()
            if b"meta" not in present:
                raise StoreError(f"{self.path} holds no store of seriatim")
            self._databases[b"meta"] = self._handle.open_db(b"meta", create=False)
        with self.reading() as transaction:
            self._check_format(transaction)
        with self._transaction():
            for name in self._names:
                self._databases[name] = self._handle.open_db(name, create=False)

    def _check_format(self, transaction: Transaction[memoryview]) -> None:
        stored = transaction.get(_FORMAT_KEY, db=self._databases[b"meta"])
        if stored is None:
            raise StoreError(f"{self.path} holds no store of seriatim")
        found = int.from_bytes(stored, "big")
        if found > STORE_FORMAT:
            raise StoreVersionError(str(self.path), found=found, supported=STORE_FORMAT)


def _open(path: Path, *, map_bytes: int, flags: Mapping[str, bool]) -> lmdb.Environment:
    try:
        return lmdb.open(
            str(path),
            lib_version=0,  # engine 0.9: its files are what the crash tests were run on
            map_size=map_bytes,
            max_dbs=len(_DATABASES),
            max_readers=READERS_MAX,
            mode=FILE_MODE,
            # A store outgrows memory; its reads are single records and short ranges, for
            # which reading ahead fetches pages that nobody asked for.
            readahead=False,
            # Left at True: pages are written whole, and memory of the node, its key among it,
            # must not leak into the file.
            meminit=True,
            **flags,
        )
    except lmdb.Error as error:
        raise StoreError(f"{path} cannot be opened: {error}") from error


@contextmanager
def _closed_on_error(environment: Environment) -> Iterator[None]:
    try:
        yield
    except BaseException:
        environment.close()
        raise
