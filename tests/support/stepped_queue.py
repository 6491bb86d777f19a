"""A queue without actors: its machine over a tree in memory, one slot after the other by hand."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import partial
from typing import Any

from seriatim.actors.queue.commands import Claim, Claimed, Command, Grant, Submit
from seriatim.actors.queue.load import load_fold
from seriatim.actors.queue.machine import QueueMachine
from seriatim.actors.queue.output import output_rows
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.actors.queue.retention import forget_what_is_old
from seriatim.actors.queue.waiting import Waiter
from seriatim.formats.errors import SchedulerError
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.job import Job
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import Path
from seriatim.formats.jobs.slot import slot_fields
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.message import Value
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import NodeKind

QUEUE = "mail"
START_MS = 1_700_000_000_000


class Fate(Enum):
    """What becomes of a slot."""

    WRITTEN = "it is on disk, and everybody is told so"
    FAILED = "it is not on disk"
    DOUBTFUL = "it is on disk, and nobody knows"


class SteppedQueue:
    """A queue named ``QUEUE``.

    Attributes:
        wall_ms: the wall clock, which may be set.
        monotonic_ms: the other one, which may not.
        time: what the queue makes of both; another one after `restart`.
        chance: what every draw gives.
        tree: its rows.
        slots: its log, from slot 1.
        machine: decides; another one after `restart`, and after a slot of which nobody knows.
        ended: what `QueueMachine.finish` has returned last.
    """

    def __init__(self) -> None:
        self.wall_ms = START_MS
        self.monotonic_ms = 0
        self.chance = 0.5
        self.tree = MemoryTree()
        self.slots: list[tuple[int, dict[str, Value]]] = []
        self.ended: list[Job] = []
        self._found_slot: int | None = None
        fold = QueueFold(QUEUE, self.tree.get)
        fold.begin(0, START_MS, START_MS)
        self.tree.change(fold.rows())
        self.restart()

    def restart(self) -> None:
        """Begin as another node does, in memory of nothing."""
        self._found_slot = None
        self.time = QueueTime()
        self._read()
        self._found_slot = self.machine.found_slot

    def _read(self) -> None:
        """Forget what is in memory, claims that wait as well, and read the rows."""
        find = partial(output_rows, self.tree, QUEUE)
        fold = load_fold(QUEUE, self.tree)
        self.machine = QueueMachine(fold, self.time, lambda: self.chance, find, self._found_slot)

    def batch(self, *commands: Command, fate: Fate = Fate.WRITTEN) -> list[Any]:
        """Make a slot of *commands*, as a clerk does; return the answer to each, or its refusal."""
        machine = self.machine
        machine.begin(self.wall_ms, self.monotonic_ms)
        answers = [self._do(command) for command in commands]
        forget_what_is_old(machine, self.tree)
        self.ended = machine.finish()
        if machine.events and fate is not Fate.FAILED:
            fold = machine.fold
            self.slots.append((fold.slot, slot_fields(fold.at_ms, fold.wall_ms, machine.data())))
            self.tree.change(fold.rows())
        if fate is not Fate.FAILED:
            self.tree.change(machine.output.rows())
        if fate is not Fate.WRITTEN:
            self._read()
        return answers

    def _do(self, command: Command) -> Any:
        try:
            return self.machine.do(command)
        except SchedulerError as error:
            return error

    # What tests say most.

    def do(self, command: Command) -> Any:
        """Make a slot of one *command*, and return its answer; raise its refusal."""
        [answer] = self.batch(command)
        if isinstance(answer, SchedulerError):
            raise answer
        return answer

    def submit(self, *said: dict[str, Any]) -> list[str]:
        """Submit jobs, each with an id; return those."""
        return [each.id for each in self.do(submit(*said))]

    def claim(self, worker: str = "w", room: int = 1, **said: Any) -> Waiter:
        """Have *worker* claim jobs of type ``a``; its claim may wait."""
        waiter = self.do(claim(worker, room, **said))
        assert isinstance(waiter, Waiter)
        return waiter

    def lease(self, worker: str = "w", room: int = 1, **said: Any) -> list[Grant]:
        """Have *worker* claim jobs of type ``a``, which there are."""
        answer = self.claim(worker, room, **said).answer
        assert isinstance(answer, Claimed)
        return list(answer.grants)

    def pass_ms(self, passed_ms: int) -> None:
        """Let time pass by both clocks; nothing is looked at."""
        self.wall_ms += passed_ms
        self.monotonic_ms += passed_ms

    def job(self, job: str) -> Job:
        """Return *job*, which is there."""
        found = self.machine.fold.job(job)
        assert found is not None
        return found

    # What is on disk.

    def rows(self) -> dict[Path, bytes]:
        """Return every row."""
        found: dict[Path, bytes] = {}
        todo: list[Path] = [()]
        while todo:
            group = todo.pop()
            for path in self._below(group):
                if self.tree.kind(path) is NodeKind.GROUP:
                    todo.append(path)
                else:
                    found[path] = self.tree.get(path) or b""
        return found

    def _below(self, group: Path) -> Iterator[Path]:
        after: str | None = None
        while names := self.tree.list(group, after=after):
            yield from ((*group, name) for name in names)
            after = names[-1]

    def replayed(self) -> dict[Path, bytes]:
        """Return the rows that follow from the log alone."""
        return replay(QUEUE, START_MS, self.slots)


def submit(*said: dict[str, Any]) -> Submit:
    """Return the command to submit what is said; each has an id."""
    return Submit([read_asked({"type": "a", **each}) for each in said])


def claim(worker: str = "w", room: int = 1, **said: Any) -> Claim:
    """Return a claim of jobs of type ``a``, if nothing else is said."""
    types = frozenset(said.pop("types", ("a",)))
    return Claim(worker, types, said.pop("commands", False), room, **said)
