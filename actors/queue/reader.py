"""Looking at queues: what is durable, in short reads, and no clerk is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import orjson

from seriatim.actors.queue.output import read_output
from seriatim.formats.errors import NotFoundError, RefusedError, StoreError
from seriatim.formats.jobs.damage import whole_rows
from seriatim.formats.jobs.head import read_head
from seriatim.formats.jobs.job import Job, decode_row
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.rows import (
    NAMES,
    head_path,
    job_path,
    name_path,
    open_path,
    settings_path,
    state_group,
    type_path,
    types_group,
)
from seriatim.formats.jobs.settings import Settings, decode_settings
from seriatim.formats.jobs.spans import Spans, decode_open
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    HTTP_PAGE_MAX_BYTES,
    PAGE_DEFAULT,
    PAGE_MAX,
    QUEUE_LOOKED_AT_MAX,
    QUEUES_MAX,
)

if TYPE_CHECKING:
    from seriatim.store.tree.tree import Tree


class QueueNow(NamedTuple):
    """A queue at one moment.

    Attributes:
        name: its name.
        process: the id of the process whose log is its own, 32 raw bytes.
        slot: the last slot of its log.
        at_ms: its time.
        states: how many jobs are in which state; without zeros.
        settings: see `Settings`.
    """

    name: str
    process: bytes
    slot: int
    at_ms: int
    states: Mapping[str, int]
    settings: Settings


class JobPage(NamedTuple):
    """Some jobs.

    Attributes:
        jobs: by state, and within that by id.
        after: where the next page begins: the state and the id of the last job that was looked
            at; ``None`` at the end.
    """

    jobs: Sequence[Job]
    after: tuple[JobState, str] | None


class OutputPage(NamedTuple):
    """Some of what a job has printed.

    Attributes:
        pieces: each with its name: the token of its attempt, a dot, and a number.
        after: behind which piece the next page begins; ``None`` at the end.
    """

    pieces: Sequence[tuple[str, bytes]]
    after: str | None


class QueueReader:
    """The readers' side of a node's queues."""

    def __init__(self, tree: Tree) -> None:
        """Read *tree*."""
        self._tree = tree

    def names(self, *, after: str | None = None, limit: int = QUEUES_MAX) -> Sequence[str]:
        """Return up to *limit* queues behind *after*, by name."""
        return self._tree.list(NAMES, after=after, limit=limit)

    def now(self, queue: str) -> QueueNow:
        """Return *queue* as it is.

        Raises:
            NotFoundError: there is no such queue.
            StoreError: its head is damaged, or of another version; or its settings are damaged.
        """
        if not queue:
            raise _missing(queue)
        paths = [name_path(queue), head_path(queue), settings_path(queue)]
        process, raw, settings = self._tree.get_all(paths)
        if process is None or raw is None:
            raise _missing(queue)
        head = read_head(queue, raw)
        with whole_rows(f"settings of queue {queue}"):
            said = decode_settings(settings)
        return QueueNow(queue, process, head.slot, head.at_ms, head.states, said)

    def slot(self, queue: str) -> int:
        """Return the last slot of *queue*.

        Raises:
            NotFoundError, StoreError: as for `now`.
        """
        raw = self._tree.get(head_path(queue))
        if raw is None:
            raise _missing(queue)
        return read_head(queue, raw).slot

    def types(
        self, queue: str, *, after: str | None = None, limit: int = PAGE_MAX
    ) -> Iterator[tuple[str, dict[str, int]]]:
        """Yield up to *limit* types behind *after*, and how many jobs of each are in a state.

        Raises:
            StoreError: a row is damaged.
        """
        for kind, raw in self._tree.values(types_group(queue), after=after, limit=limit):
            yield kind, _numbers(queue, kind, raw)

    def job(self, queue: str, job: str) -> Job | None:
        """Return *job* as it is; ``None`` where there is no such job.

        Raises:
            MalformedError: that is the id of none; code ``bad_name``.
            StoreError: its row is damaged.
        """
        check_name(job, "job")
        paths = [job_path(queue, state, job) for state in JobState]
        found = next((raw for raw in self._tree.get_all(paths) if raw is not None), None)
        return None if found is None else _job(queue, job, found)

    def find(self, job: str, queue: str = "") -> tuple[str, Job]:
        """Return *job*, and the queue that it is in.

        Args:
            job: its id.
            queue: look in this one only; empty for all of them.

        Raises:
            NotFoundError: there is no such job.
            MalformedError: that is the id of none; code ``bad_name``.
            RefusedError: several queues have one; code ``ambiguous``.
            StoreError: its row is damaged.
        """
        queues = [queue] if queue else self.names()
        found = [(each, known) for each in queues if (known := self.job(each, job)) is not None]
        if not found:
            where = f"queue {queue}" if queue else "any queue"
            raise NotFoundError(f"no job {job[:64]!r} in {where} here; it may have been forgotten")
        if len(found) > 1:
            names = ", ".join(name for name, _ in found)
            raise RefusedError(f"queues {names} have a job {job}: say which", code="ambiguous")
        return found[0]

    def page(
        self,
        queue: str,
        *,
        states: Sequence[JobState],
        kind: str = "",
        after: tuple[JobState, str] | None = None,
        limit: int,
    ) -> JobPage:
        """Return up to *limit* jobs in one of *states*, of the type *kind* where that is said.

        At most ``QUEUE_LOOKED_AT_MAX`` jobs are looked at, and a page ends with the job that has
        it reach ``HTTP_PAGE_MAX_BYTES``; so it may be short, or empty, before the end: its
        ``after`` says where to go on.

        Raises:
            StoreError: a row is damaged.
        """
        looked_at = size_bytes = 0
        # Some at once, for they may be large; a type is looked for among the others.
        rows_max = PAGE_DEFAULT if kind else min(limit, PAGE_DEFAULT)
        found: list[Job] = []
        todo = list(states)
        name: str | None = None
        if after is not None:
            todo, name = todo[todo.index(after[0]) :], after[1]
        for state in todo:
            group = state_group(queue, state)
            while rows := self._tree.values(group, after=name, limit=rows_max):
                for name, raw in rows:
                    looked_at += 1
                    job = _job(queue, name, raw)
                    if not kind or job.type == kind:
                        found.append(job)
                        size_bytes += len(raw)
                    is_full = len(found) == limit or size_bytes >= HTTP_PAGE_MAX_BYTES
                    if is_full or looked_at == QUEUE_LOOKED_AT_MAX:
                        return JobPage(found, (state, name))
            name = None
        return JobPage(found, None)

    def output(self, queue: str, job: str, after: str = "") -> Iterator[tuple[str, bytes]]:
        """Yield what *job* has printed behind the piece *after*; see `read_output`."""
        return read_output(self._tree, queue, job, after=after)

    def output_page(self, queue: str, job: str, after: str) -> OutputPage:
        """Return some of what *job* has printed behind the piece *after*; empty: from the first on.

        It ends with the piece that has it reach ``HTTP_PAGE_MAX_BYTES``.
        """
        pieces: list[tuple[str, bytes]] = []
        size_bytes = 0
        for name, data in self.output(queue, job, after):
            if size_bytes >= HTTP_PAGE_MAX_BYTES:
                return OutputPage(pieces, pieces[-1][0])
            pieces.append((name, data))
            size_bytes += len(data)
        return OutputPage(pieces, None)

    def open_after(self, queue: str, slot: int) -> Spans:
        """Return what was leased after *slot*, a multiple of ``QUEUE_OPEN_EVERY_SLOTS``.

        Raises:
            StoreError: its row is missing, or damaged.
        """
        raw = self._tree.get(open_path(queue, slot))
        if raw is None:
            raise StoreError(
                f"queue {queue} has no row of what was leased after slot {slot}; "
                "restore the data folder from a copy"
            )
        with whole_rows(f"queue {queue}, leased after slot {slot}"):
            return decode_open(raw)

    def numbers(self, queue: str, kind: str) -> dict[str, int]:
        """Return how many jobs of the type *kind* are in which state.

        Raises:
            StoreError: its row is damaged.
        """
        raw = self._tree.get(type_path(queue, kind))
        return {} if raw is None else _numbers(queue, kind, raw)


def _job(queue: str, job: str, raw: bytes) -> Job:
    with whole_rows(f"job {job} of queue {queue}"):
        return decode_row(raw)


def _numbers(queue: str, kind: str, raw: bytes) -> dict[str, int]:
    with whole_rows(f"type {kind} of queue {queue}"):
        found: dict[str, int] = orjson.loads(raw)
    return found


def _missing(queue: str) -> NotFoundError:
    return NotFoundError(f"no queue {queue!r} here; it is made with its first job")
