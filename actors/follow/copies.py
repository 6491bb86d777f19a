"""What a follower writes to: the copy of one process, whoever holds the folder.

There are two: `folder.FollowedProcess`, where the follower holds the folder's lock, and
`ServedCopy`, in the folder of a running node, which its writer alone writes. A `HintedCopy` is one
whose source a stranger has named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from seriatim.actors.follow.marks import FollowMark, mark_of
from seriatim.actors.new_file import new_file
from seriatim.actors.scheduler.writer import Copied
from seriatim.formats.errors import (
    ConflictError,
    ForkError,
    LimitExceededError,
    NotFoundError,
    RefusedError,
    StoreError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    COPY_JOB_MAX_BYTES,
    COPY_RECORD_MAX_BYTES,
    HINTED_COPY_MAX_BYTES,
)
from seriatim.formats.schedule.evidence import Evidence, encode_evidence
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.store.folder import FILE_MODE, create_private_folder

if TYPE_CHECKING:
    from seriatim.actors.scheduler.writer import Store
    from seriatim.store.log import Log


class Copy(Protocol):
    """The copy of one process.

    Attributes:
        process: its id, 32 raw bytes.
        slots: how many slots are stored.
    """

    process: bytes
    slots: int

    def record(self, slot: int) -> Record:
        """Return what is stored at *slot*.

        Raises:
            NotFoundError: nothing is.
            CorruptRecordError: the record is damaged.
        """

    async def append(self, records: Sequence[Record]) -> None:
        """Write verified *records* behind the last slot, durably.

        Raises:
            ConflictError: somebody else has written there.
            LimitExceededError: a record is over ``COPY_RECORD_MAX_BYTES``.
            StoreError: the storage refused.
            UnavailableError: not now.
        """

    def keep(self, evidence: Evidence) -> str:
        """Write *evidence* to a file of its own, durably; return where a person finds it.

        Raises:
            StoreError: it cannot be written.
        """


class ServedCopy(Copy):
    """A copy in the folder of a running node."""

    def __init__(
        self, log: Log, process: bytes, *, mark: FollowMark, store: Store[Copied], evidence: Path
    ) -> None:
        """Read from *log*, and make what is new durable by *store*.

        Args:
            log: the node's.
            process: its id, 32 raw bytes.
            mark: the process's own, or the one that it gets.
            store: the node's writer.
            evidence: the folder for it.
        """
        head = log.head(process)
        self.process = process
        self.slots = 0 if head is None else head.slot + 1
        self._log = log
        self._mark = mark
        self._store = store
        self._evidence = evidence

    def record(self, slot: int) -> Record:
        """See `Copy.record`."""
        return stored_record(self._log, self.process, slot)

    async def append(self, records: Sequence[Record]) -> None:
        """See `Copy.append`; a transaction holds ``COPY_JOB_MAX_BYTES``, or one record."""
        for raws in _jobs(records):
            mark = self._mark_with(sum(map(len, raws)))
            job = Copied(self.process, self.slots, mark_of(self.process, mark), raws)
            sealed = await self._store(job)
            if not sealed.hash_chain:
                raise ConflictError(
                    f"process {encode_id(self.process)} has gone on, or is this node's own"
                )
            self.slots += len(raws)
            self._mark = mark

    def _mark_with(self, more_bytes: int) -> FollowMark:
        """Return the mark of the copy with *more_bytes* of records."""
        del more_bytes
        return self._mark

    def keep(self, evidence: Evidence) -> str:
        """See `Copy.keep`: the file's name alone, for strangers hear of it."""
        return keep_evidence(self._evidence, evidence).name


class HintedCopy(ServedCopy):
    """A copy whose source a stranger has named: only of what its own scheduler has signed.

    So the stranger can neither make up a process nor take one from whoever schedules it: of a log
    that is not signed, or whose spawn names no scheduler, anybody could make another one.

    A stranger may schedule processes of his own: each takes up to ``HINTED_COPY_MAX_BYTES``.
    """

    async def append(self, records: Sequence[Record]) -> None:
        """See `ServedCopy.append`.

        Raises:
            RefusedError: such a process is not copied; code ``not_copied``.
            LimitExceededError: the copy is as long as it may get.
        """
        if records and not self.slots:
            self._check_spawn(records[0])
        await super().append(records)

    def keep(self, evidence: Evidence) -> str:
        """See `Copy.keep`: of a fork only, which the scheduler has signed; the last one found.

        All else is a stranger's word about a stranger, and there is no end to it. Nor is there to
        forks, for who schedules a process of his own: one file has to do.
        """
        if evidence.kind != ForkError.code:
            return "no file"
        name = f"{encode_id(evidence.process)}-{evidence.kind}.json"
        return keep_evidence(self._evidence, evidence, name=name).name

    def _mark_with(self, more_bytes: int) -> FollowMark:
        taken_bytes = self._mark.taken_bytes + more_bytes
        if taken_bytes > HINTED_COPY_MAX_BYTES:
            raise LimitExceededError(
                "a copy that a hint has begun", given=taken_bytes, maximum=HINTED_COPY_MAX_BYTES
            )
        return self._mark._replace(taken_bytes=taken_bytes)

    def _check_spawn(self, record: Record) -> None:
        spawn = StoredMessage(record.kind, record.message).submission(process=self.process).spawn
        if not record.variant.signed or spawn is None or not spawn.scheduler:
            raise RefusedError(
                f"process {encode_id(self.process)} names no scheduler that has signed its "
                "assignments; it is not copied on a stranger's word",
                code="not_copied",
            )


def stored_record(log: Log, process: bytes, slot: int) -> Record:
    """Return what is stored of *process* at *slot*; see `Copy.record` for the errors."""
    record = log.read(process, slot)
    if record is None:
        raise NotFoundError(f"process {encode_id(process)} has no slot {slot}")
    return record


def keep_evidence(folder: Path, evidence: Evidence, *, name: str = "") -> Path:
    """Write *evidence* to a file in *folder*, durably; return its path.

    The same finding again replaces the file: what finds it again and again must not fill the disk.

    Args:
        folder: made where it is missing.
        evidence: what was found.
        name: of the file; by default, one by process, slot and kind.

    Raises:
        StoreError: it cannot be written.
    """
    create_private_folder(folder)
    process = encode_id(evidence.process)
    path = folder / (name or f"{process}-{evidence.slot}-{evidence.kind}.json")
    try:
        with new_file(path, mode=FILE_MODE, may_replace=True) as file:
            file.write(encode_evidence(evidence))
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _jobs(records: Sequence[Record]) -> Iterator[tuple[bytes, ...]]:
    waiting: list[bytes] = []
    size = 0
    for record in records:
        raw = record.encode()
        if len(raw) > COPY_RECORD_MAX_BYTES:
            raise LimitExceededError(
                "a record to be copied", given=len(raw), maximum=COPY_RECORD_MAX_BYTES
            )
        if waiting and size + len(raw) > COPY_JOB_MAX_BYTES:
            yield tuple(waiting)
            waiting, size = [], 0
        waiting.append(raw)
        size += len(raw)
    if waiting:
        yield tuple(waiting)
