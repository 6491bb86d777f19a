"""Computing over a log and a tree in memory that outlive it, with a disk that fails when told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seriatim.actors.compute.computer import Computer, World
from seriatim.actors.compute.work import Job, Ran, worker
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.writer import Sealed, TreeValues, Writer
from seriatim.formats.errors import FoldError
from seriatim.formats.folds.fold import Fold
from seriatim.formats.folds.program import read_program
from seriatim.formats.folds.registry import FoldRegistry
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.submission import Submission, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.store.memory_log import MemoryLog
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.builders import make_draft


class KilledError(Exception):
    """The node was killed here."""


class Bench:
    """A process in memory, and computers that come and go.

    Attributes:
        ran: the jobs that were run, in order.
        never_end: whether a job does not end.
        refusal: why the node may not say anything in the log.
        killed_at: how many rows' writes from now the node is killed; before it is on disk where
            ``is_lost``, else behind that.
    """

    def __init__(self, folds: Sequence[Fold], spawn: Mapping[str, Value]) -> None:
        self.log = MemoryLog()
        self.tree = MemoryTree()
        self._writer = Writer(self.log, None, bytes, tree=self.tree)
        self._work = worker(FoldRegistry(folds), lambda: 0)
        self.ran: list[Job] = []
        self.never_end: Callable[[Job], bool] = lambda job: False
        self.refusal: Exception | None = None
        self.killed_at = -1
        self.is_lost = False
        first = submit_unsigned(Message({"type": "Process", **spawn}))
        self.process = first.process
        self._slots = 0
        self._place(first)
        program = read_program(spawn)
        assert program is not None
        self._program = program

    def append(self, *messages: Mapping[str, Value]) -> None:
        """Give each of *messages* its slot."""
        for fields in messages:
            self._place(submit_unsigned(Message(fields), process=self.process))

    def computer(self) -> Computer:
        """Return a computer that knows what is on disk, and nothing else."""
        world = World(self.log, self.tree, self._store, self._say)
        return Computer(self.process, self._program, world, self._run)

    def forget(self) -> None:
        """Lose whatever is derived from the log."""
        self.tree = MemoryTree()
        self._writer = Writer(self.log, None, bytes, tree=self.tree)

    def records(self) -> list[Record]:
        """Return the whole log."""
        return [record for _, record in self.log.read_range(self.process, 0, 1 << 40)]

    def _place(self, submission: Submission) -> None:
        self._writer.write([make_draft(submission, self._slots, Variant.NATIVE)])
        self._slots += 1

    async def _run(self, job: Job) -> Ran:
        self.ran.append(job)
        if self.never_end(job):
            raise FoldError("as told", code="fold_deadline")
        return self._work([job])[0]

    def _store(self, rows: TreeValues) -> Future[Sealed]:
        answer: Future[Sealed] = Future()
        self.killed_at -= 1
        if self.killed_at == 0 and self.is_lost:
            answer.fail(KilledError())
            return answer
        sealed = self._writer.write([rows])[0]
        if self.killed_at == 0:
            answer.fail(KilledError())
        else:
            answer.resolve(sealed)
        return answer

    async def _say(self, process: bytes, fields: Mapping[str, Any]) -> None:
        assert process == self.process
        if self.refusal is not None:
            raise self.refusal
        self.append(fields)
