"""Which processes a node computes, and who does it: a computer each, as long as it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from seriatim.actors.compute.computer import Computed, Computer, World
from seriatim.formats.errors import NotFoundError, UnsupportedError
from seriatim.formats.folds.program import Program, read_program
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import STATES_CACHED_MAX, STATES_CACHED_MAX_BYTES
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.actors.compute.runner import Runner
    from seriatim.formats.folds.registry import FoldRegistry


class Computing:
    """The computers of one node; belongs to one event loop."""

    def __init__(self, folds: FoldRegistry, world: World, runner: Runner) -> None:
        """Compute with *folds*, which *runner* runs."""
        self._folds = folds
        self._world = world
        self._runner = runner
        # Least recently used first.
        self._computers: OrderedDict[bytes, Computer] = OrderedDict()

    async def at(self, process: bytes, slot: int | None = None) -> Computed:
        """Return *slot* of *process* (32 raw bytes), or its last one, computed and on disk.

        Raises:
            NotFoundError: there is no such process or slot.
            UnsupportedError: the process names no fold, or one that this node does not know.
            FormatError: what it names is no fold or stack.
            FoldError, StoreError: see `Computer.at`.
        """
        head = self._world.log.head(process)
        if head is None:
            raise NotFoundError(f"process {encode_id(process)} is not known here; spawn it first")
        computer = self._computers.pop(process, None)
        if computer is None:
            computer = Computer(process, self._program(process), self._world, self._runner.run)
        self._computers[process] = computer
        try:
            return await computer.at(head.slot if slot is None else slot)
        finally:
            self._make_room()

    def release(self) -> None:
        """Answer whoever waits, and run nothing more; see `Runner.release`."""
        self._runner.release()

    async def close(self) -> None:
        """End what folds run in; what is on disk is where the next node goes on."""
        await self._runner.close()

    def _program(self, process: bytes) -> Program:
        record = self._world.log.read(process, 0)
        assert record is not None, "a process with a head has slot 0"
        program = read_program(StoredAssignment(process, 0, record).fields)
        if program is None:
            raise UnsupportedError(
                "the process names no fold (execution-device): this node schedules it and does "
                "not compute it; ask a compute unit for results"
            )
        self._folds.check(program)
        return program

    def _make_room(self) -> None:
        """Forget the states that nobody has asked for for longest; they are on disk, about."""
        size_bytes = sum(each.size_bytes for each in self._computers.values())
        for computer in list(self._computers.values()):
            if len(self._computers) <= STATES_CACHED_MAX and size_bytes <= STATES_CACHED_MAX_BYTES:
                return
            if not computer.callers:
                size_bytes -= computer.size_bytes
                del self._computers[computer.process]
