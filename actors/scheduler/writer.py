"""Sealing and writing one batch: what the committer's thread or child process does.

Synchronous and alone: the only place that opens write transactions and that signs assignments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.limits import CHAINS_CACHED_MAX
from seriatim.formats.schedule.assignment import (
    FIRST_LINK,
    Draft,
    Link,
    Rows,
    link_of,
)
from seriatim.formats.schedule.chain import next_chain
from seriatim.formats.schedule.record import NO_ID, Kind, Record, decode_record
from seriatim.formats.schedule.seal import seal
from seriatim.formats.schedule.upload import upload_of
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.wire import legacy
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.log import Append, Log, Rendition, Uploaded
from seriatim.store.tree.tree import Tree, TreePath

if TYPE_CHECKING:
    from seriatim.actors.runtime.future import Future


class TreeValues(NamedTuple):
    """Values for the tree: what stands at a path is replaced, or removed for ``None``.

    Attributes:
        rows: paths and their values; all of them are written in one transaction.
    """

    rows: Rows


class Copied(NamedTuple):
    """Verified records of a process that another node schedules, for its copy.

    Attributes:
        process: its id, 32 raw bytes.
        first: slot of the first record.
        mark: says in the tree that the process is a copy; written where there is none yet.
        records: one or more, encoded.
    """

    process: bytes
    first: int
    mark: tuple[TreePath, bytes]
    records: tuple[bytes, ...]


Job = Draft | Rendition | TreeValues | Uploaded | Copied
"""What the writer makes durable: an assignment, one in another form, values of the tree, that
something has been uploaded, or what is copied."""

_JobT = TypeVar("_JobT")
Store = Callable[[_JobT], "Future[Sealed]"]
"""Makes one kind of job durable."""

_SealedDraft = tuple[Draft, Record, DataItem | None]


class Sealed(NamedTuple):
    """What the writer adds to a draft; durable when anybody sees it.

    Of other jobs, ``assignment`` alone: what is stored now, if anything. Of what is copied, all of
    the last record; all empty where its copy ends elsewhere, or is none.
    """

    assignment_id: bytes
    hash_chain: bytes
    assignment: bytes


class Writer:
    """Makes batches of drafts durable in one log."""

    def __init__(
        self,
        log: Log,
        wallet: Wallet | None,
        entropy: Callable[[int], bytes],
        *,
        tree: Tree,
        signers: int = 1,
        uploads: Collection[Kind] = (),
        together: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Write to *log*, signing with *wallet*.

        Args:
            log: the only writer of this log is this object.
            wallet: ``None`` refuses variants that are signed.
            entropy: gives that many random bytes.
            tree: in the same store; written by this object only, too.
            signers: threads that sign; more than one pays off with RSA, whose signatures take
                a millisecond and release the interpreter.
            uploads: messages of these kinds, and their assignments, go into the outbox.
            together: makes one transaction of what is written while it lasts.
        """
        self._log = log
        self._together = together
        self._tree = tree
        self._wallet = wallet
        self._entropy = entropy
        self._uploads = uploads
        self._pool = ThreadPoolExecutor(signers, "signer") if signers > 1 else None
        self._links: dict[bytes, tuple[int, Link]] = {}

    def write(self, jobs: Sequence[Job]) -> list[Sealed]:
        """Make *jobs* durable, and return what became of each, in their order.

        All of them are, or an error is raised; whether they are is then unknown until the log is
        read again.

        Raises:
            SchedulerError: see `Log.append`, `Log.add_renditions` and `seal`.
        """
        try:
            with self._together():
                return self._write(jobs)
        except BaseException:
            # The store decides what happened; the next batch asks it.
            self._links.clear()
            raise

    def _write(self, jobs: Sequence[Job]) -> list[Sealed]:
        drafts = [job for job in jobs if isinstance(job, Draft)]
        uploaded = [job for job in jobs if isinstance(job, Uploaded)]
        sealed = self._write_drafts(drafts, uploaded)
        if len(drafts) == len(jobs):
            return sealed
        seals = iter(sealed)
        renditions = [job for job in jobs if isinstance(job, Rendition)]
        stored = iter(self._log.add_renditions(renditions) if renditions else ())
        return [self._write_other(job, seals, stored) for job in jobs]

    def _write_other(self, job: Job, seals: Iterator[Sealed], stored: Iterator[bytes]) -> Sealed:
        """Return what became of *job*: the next of its kind, or a value that is put only now."""
        if isinstance(job, Draft):
            return next(seals)
        if isinstance(job, Rendition):
            return Sealed(b"", b"", next(stored))
        if isinstance(job, Uploaded):
            return Sealed(b"", b"", b"")
        if isinstance(job, Copied):
            return self._write_copied(job)
        self._write_rows(job.rows)
        return Sealed(b"", b"", b"")

    def _write_rows(self, rows: Rows) -> None:
        if rows:
            self._tree.change(rows)

    def _write_copied(self, job: Copied) -> Sealed:
        """Append to a copy, its mark first: nobody ever sees slots of another node without one.

        What does not continue the copy, or would turn a process of this node into one, is left
        alone, and fails nothing else of its batch.
        """
        process = job.process
        head = self._log.head(process)
        path, mark = job.mark
        known = self._tree.get(path)
        if job.first != (0 if head is None else head.slot + 1) or (head and known is None):
            return Sealed(b"", b"", b"")
        records = [
            decode_record(raw, process=process, slot=slot)
            for slot, raw in enumerate(job.records, job.first)
        ]
        if known != mark:
            self._tree.put(path, mark)
        self._log.append(
            [append_of(process, slot, record) for slot, record in enumerate(records, job.first)]
        )
        last = records[-1]
        return Sealed(last.assignment_id, last.hash_chain, last.assignment)

    def _write_drafts(self, drafts: Sequence[Draft], uploaded: Sequence[Uploaded]) -> list[Sealed]:
        """Seal *drafts*, append all of them, and return the seals.

        Drafts of one process come in slot order.

        Raises:
            SchedulerError: see `Log.append` and `seal`.
        """
        if not drafts and not uploaded:
            return []
        sealed = self._seal_all(drafts)
        self._log.append(
            [
                _append_draft(draft, record, item)._replace(upload=upload_of(record, self._uploads))
                for draft, record, item in sealed
            ],
            uploaded,
        )
        for draft, record, _ in sealed:
            self._write_rows(draft.rows)
            self._links[draft.process] = (draft.slot, link_of(record))
        if len(self._links) > CHAINS_CACHED_MAX:
            self._links.clear()
        return [
            Sealed(record.assignment_id, record.hash_chain, record.assignment)
            for _, record, _ in sealed
        ]

    def close(self) -> None:
        """Stop signing; the log stays open for its owner."""
        if self._pool is not None:
            self._pool.shutdown()

    def _seal_all(self, drafts: Sequence[Draft]) -> list[_SealedDraft]:
        """Return *drafts* sealed, in their order."""
        if self._pool is None:
            links: dict[bytes, Link] = {}
            return [self._seal_next(draft, links) for draft in drafts]
        by_place = {
            (each[0].process, each[0].slot): each
            for sealed in self._pool.map(self._seal_job, self._jobs(drafts))
            for each in sealed
        }
        return [by_place[draft.process, draft.slot] for draft in drafts]

    def _jobs(self, drafts: Sequence[Draft]) -> Iterable[tuple[list[Draft], Link]]:
        """Yield what can be sealed side by side: drafts in order, and the link before them.

        A legacy assignment chains to the *signature* before it, so a process's drafts stay
        together; the other chains are over message ids and known at once.
        """
        ordered = sorted(drafts, key=attrgetter("process"))
        for process, group in groupby(ordered, key=attrgetter("process")):
            chunk = list(group)
            link = self._link_before(process, chunk[0].slot)
            if chunk[0].variant is Variant.LEGACY:
                yield chunk, link
                continue
            for draft in chunk:
                yield [draft], link
                link = Link(_message_chain(draft, link), NO_ID)

    def _link_before(self, process: bytes, slot: int) -> Link:
        if slot == 0:
            return FIRST_LINK
        known = self._links.get(process)
        if known is not None and known[0] == slot - 1:
            return known[1]
        head = self._log.head(process)
        # A head that does not fit is the log's to refuse: append compares and sets.
        return FIRST_LINK if head is None else Link(head.hash_chain, head.assignment_id)

    def _seal_job(self, job: tuple[list[Draft], Link]) -> list[_SealedDraft]:
        drafts, link = job
        links = {drafts[0].process: link}
        return [self._seal_next(draft, links) for draft in drafts]

    def _seal_next(self, draft: Draft, links: dict[bytes, Link]) -> _SealedDraft:
        """Seal *draft* after the link of its process in *links*, and move that link on."""
        link = links.get(draft.process)
        if link is None:
            link = self._link_before(draft.process, draft.slot)
        anchor = self._entropy(32) if draft.variant is Variant.LEGACY else b""
        record, item = seal(draft, link, self._wallet, anchor=anchor)
        links[draft.process] = link_of(record)
        return draft, record, item


def _message_chain(draft: Draft, link: Link) -> bytes:
    return next_chain(
        draft.variant,
        process=draft.process,
        previous=link.hash_chain,
        previous_assignment_id=link.assignment_id,
        message_id=draft.message_id,
    )


def _append_draft(draft: Draft, record: Record, assignment: DataItem | None) -> Append:
    append = append_of(draft.process, draft.slot, record, assignment=assignment)
    return append._replace(ids=(*append.ids, draft.dedupe_key)) if draft.dedupe_key else append


def append_of(
    process: bytes, slot: int, record: Record, *, assignment: DataItem | None = None
) -> Append:
    """Return what goes to disk for *record*; *assignment* is its signed item, where at hand.

    Legacy clients look assignments up by id and page through them for hours, so those are
    indexed and rendered here, where a signature costs a hundred times as much. Other variants
    are found by message or slot, and rendered when they are read.
    """
    ids = [] if record.kind is Kind.REFERENCE else [record.message_id]
    view = b""
    if record.variant is Variant.LEGACY:
        ids.append(record.assignment_id)
        view = legacy.encode_view(StoredAssignment(process, slot, record, assignment=assignment))
    return Append(process, slot, record.encode(), tuple(ids), view)
