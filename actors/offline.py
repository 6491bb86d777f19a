"""A data folder looked at from outside: read only, also while a node runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from seriatim.actors.follow.marks import FollowMarks
from seriatim.actors.locations import known_location
from seriatim.actors.queue.verify import Verified, verify_queue
from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.jobs.rows import NAMES, name_path
from seriatim.formats.limits import PROCESSES_PAGE
from seriatim.formats.schedule.record import Head, Record
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.lock import LockHolder, holder
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.tree import Tree


class OfflineFolder:
    """The log of a data folder, for reading."""

    def __init__(self, log: LmdbLog, tree: Tree) -> None:
        self._log = log
        self._tree = tree
        self._marks = FollowMarks(tree)

    def verify_queue(self, queue: str) -> Verified:
        """Return whether the rows of *queue* are what its log says; see `verify_queue`."""
        return verify_queue(self._log, self._tree, queue)

    def queues(self) -> Mapping[bytes, str]:
        """Return the queues, by the ids of the processes whose logs are theirs (32 raw bytes)."""
        return {process: queue for queue, process in self._tree.all_values(NAMES)}

    def queue_process(self, queue: str) -> bytes | None:
        """Return the id of the process whose log is that of *queue*; ``None`` for no such queue."""
        return self._tree.get(name_path(queue))

    def head(self, process: bytes) -> Head:
        """Return where *process* ends.

        Raises:
            NotFoundError: no such process.
        """
        head = self._log.head(process)
        if head is None:
            raise NotFoundError(f"process {encode_id(process)} is not in this folder")
        return head

    def followed_from(self, process: bytes) -> str | None:
        """Return where *process* is followed from, or ``None`` for one of the folder's own."""
        return self._marks.url_of(process)

    def location_nonce(self, address: bytes) -> int:
        """Return the nonce of the last location record of *address*; -1 where there is none."""
        known = known_location(self._tree, address)
        return -1 if known is None else known[1].nonce

    def records(self, process: bytes, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """Yield ``(slot, record)`` from *first* to *last*, both inclusive."""
        return self._log.read_range(process, first, last)

    def processes(self) -> Iterator[tuple[bytes, Head]]:
        """Yield every process with its head, in the order of the ids' bytes."""
        after: bytes | None = None
        while page := self._log.processes(after=after, limit=PROCESSES_PAGE):
            for process in page:
                yield process, self.head(process)
            after = page[-1]


@contextmanager
def open_offline(path: Path) -> Iterator[OfflineFolder]:
    """Open the data folder *path* for reading.

    Raises:
        StoreError: there is no store in it.
    """
    environment = Environment.open_reader(DataFolder(path).log)
    try:
        yield OfflineFolder(LmdbLog(environment), LmdbTree(environment))
    finally:
        environment.close()


def named_process(path: Path, name: str) -> bytes:
    """Return the id of the process that is called *name*, 32 raw bytes.

    Args:
        path: the data folder.
        name: a queue whose log is that of the process, or else the text of its id.

    Raises:
        NotFoundError: it is no queue in the data folder *path*, and no id.
        StoreError: there is no store in it.
    """
    try:
        with open_offline(path) as folder:
            found = folder.queue_process(name)
        return decode_id(name) if found is None else found
    except MalformedError as error:
        raise NotFoundError(f"no queue {name!r} in the folder {path}") from error


def running_node(path: Path) -> LockHolder | None:
    """Return the node that runs on the data folder *path*, or ``None``."""
    return holder(DataFolder(path).lock)
