"""One process's computing: from its last progress to the slot that somebody wants.

Nobody sees what is not on disk: results, and the state between two folds of a stack, are durable
before anything goes on behind them. Killed at any moment, it goes on where its last progress is:
no fold of a stack that has finished runs again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.compute.said import Said
from seriatim.actors.compute.work import Job
from seriatim.actors.scheduler.writer import TreeValues
from seriatim.formats.errors import (
    DisabledError,
    FoldError,
    LimitExceededError,
    NotFoundError,
    RefusedError,
)
from seriatim.formats.folds.failure import NEVER_ENDS, Failure
from seriatim.formats.folds.fold import Verdict
from seriatim.formats.folds.program import Cursor, Program
from seriatim.formats.folds.progress import (
    Progress,
    decode_progress,
    decode_result,
    encode_progress,
    encode_result,
    is_kept,
)
from seriatim.formats.folds.run import Result
from seriatim.formats.folds.state import decode_state, encode_state
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    FOLD_STEPS_MAX,
    FOLD_STEPS_MAX_BYTES,
    JSON_INTEGER_MAX,
    SNAPSHOT_SLOTS,
    STATE_KEPT_MAX_BYTES,
    STATES_KEPT_MAX,
)

if TYPE_CHECKING:
    from seriatim.actors.compute.work import Ran
    from seriatim.actors.scheduler.writer import Store
    from seriatim.formats.message import Value
    from seriatim.store.log import Log
    from seriatim.store.tree.tree import Tree, TreePath

COMPUTED: Final = "computed"
SNAPSHOTS: Final = "snapshots"
COMPUTING: Final = "computing"
_DIGITS: Final = 19


class Computed(NamedTuple):
    """A slot, and what it has become.

    Attributes:
        slot: the slot.
        state: the encoded state behind it.
        result: what became of it.
    """

    slot: int
    state: bytes
    result: Result


class World(NamedTuple):
    """What every computer of a node is handed.

    Attributes:
        log: read only.
        tree: read only.
        store: makes rows durable.
        say: gives a message of the node's own its slot in a process.
    """

    log: Log
    tree: Tree
    store: Store[TreeValues]
    say: Callable[[bytes, Mapping[str, Value]], Awaitable[object]]


class Computer:
    """Computes one process. Belongs to one event loop.

    Attributes:
        process: its id, 32 raw bytes.
        callers: how many wait for it; there must be no second one for the process meanwhile.
    """

    def __init__(
        self,
        process: bytes,
        program: Program,
        world: World,
        run: Callable[[Job], Awaitable[Ran]],
    ) -> None:
        """Have *run* run *program* over the slots of *process*, 32 raw bytes."""
        self.process = process
        self.callers = 0
        self._program = program
        self._world = world
        self._run_job = run
        self._id = encode_id(process)
        self._turn = asyncio.Lock()
        self._progress: Progress | None = None
        self._older: dict[int, Progress] = {}  # the one asked for last, last
        self._said = Said(world.log, process)
        self._apart_until = 0  # up to here, one slot after the other
        self._stuck: FoldError | None = None

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        states = [*self._older.values(), *([self._progress] if self._progress else ())]
        return sum(len(each.state) for each in states)

    async def at(self, slot: int) -> Computed:
        """Return *slot*, computed, once that is on disk.

        Raises:
            NotFoundError: the log does not reach so far.
            FoldError: the process cannot begin; or a fold does not end that once has.
            StoreError: the log is damaged.
        """
        self.callers += 1
        try:
            async with self._turn:
                return await self._at(slot)
        finally:
            self.callers -= 1

    async def _at(self, slot: int) -> Computed:
        head = self._world.log.head(self.process)
        if head is None or not 0 <= slot <= head.slot:
            raise NotFoundError(f"process {self._id} has no slot {slot}")
        progress = self._progress
        if progress is None:
            progress = self._progress = self._stored() or await self._begin()
        if slot > progress.slot:
            if progress.slot >= 0 and progress.cursor is None:
                self._keep(progress)  # whoever has sent that message may ask for it once more
            # Whoever is interrupted in here leaves what is on disk, and reads it the next time.
            self._progress = None
            progress = self._progress = await self._advance(progress, slot)
        result = self._result(slot)
        if result is None or slot < progress.slot:
            progress, result = await self._again(slot, result)
        return Computed(slot, progress.state, result)

    # Going on.

    async def _advance(self, progress: Progress, wanted: int) -> Progress:
        """Return the progress behind slot *wanted*; make what is new durable on the way."""
        await self._said.look(progress.slot + 1)
        while progress.slot < wanted:
            try:
                done, results = await self._step(progress, wanted, self._said.result)
            except _NeverEndsError as failure:
                if self._result(failure.said.slot) is not None:
                    raise failure.error from None  # somebody has seen otherwise
                await self._say(failure.said)
                await self._said.look(failure.said.slot)
                continue
            await self._world.store(TreeValues(tuple(self._rows(progress, done, results))))
            progress = done
        return progress

    async def _again(self, slot: int, known: Result | None) -> tuple[Progress, Result]:
        """Return the state behind *slot* once more, and its result, put back where it was lost."""
        progress = await self._before(slot if known is not None else slot - 1)
        results: list[Result] = []
        while progress.slot < slot:
            try:
                progress, results = await self._step(progress, slot, self._failed)
            except _NeverEndsError as failure:
                self._said = Said(self._world.log, self.process)
                await self._said.look(0)  # where its result was lost, the log says it still
                if self._said.result(failure.said.slot) is None:
                    raise failure.error from None
        if known is None:
            known = results[-1]
            row = ((COMPUTED, self._id, str(slot)), encode_result(known))
            await self._world.store(TreeValues((row,)))
        self._keep(progress)
        return progress, known

    async def _before(self, slot: int) -> Progress:
        """Return the nearest state at *slot* or before it: kept, in a snapshot, or the first."""
        kept = max((each for each in self._older if each <= slot), default=-1)
        snapshot = self._snapshot(slot)
        if kept >= 0 and (snapshot is None or snapshot.slot < kept):
            return self._older[kept]
        return snapshot or await self._begin()

    def _keep(self, progress: Progress) -> None:
        """Keep an older state that somebody has asked for: others often ask for the same."""
        if len(progress.state) <= STATE_KEPT_MAX_BYTES:
            self._older.pop(progress.slot, None)
            self._older[progress.slot] = progress
            while len(self._older) > STATES_KEPT_MAX:
                del self._older[next(iter(self._older))]

    async def _step(
        self, progress: Progress, wanted: int, known: Callable[[int], Result | None]
    ) -> tuple[Progress, list[Result]]:
        """Run what comes next; where it is *known* that it never ends, say so."""
        first = progress.slot + 1
        failed = known(first)
        if failed is not None:
            return Progress(first, progress.state), [failed]
        if self._program.is_stack:
            return await self._run_stage(progress)
        return await self._run_slots(progress, wanted, known)

    def _failed(self, slot: int) -> Result | None:
        """Return the result of *slot* where that is on disk, and no second run may say it."""
        result = self._result(slot)
        if result is not None and result.code in NEVER_ENDS:
            return result
        return self._said.result(slot)

    def _result(self, slot: int) -> Result | None:
        """Return what became of *slot*; ``None`` where that is not on disk, or damaged."""
        raw = self._world.tree.get((COMPUTED, self._id, str(slot)))
        return None if raw is None else decode_result(raw)

    async def _run_slots(
        self, progress: Progress, wanted: int, known: Callable[[int], Result | None]
    ) -> tuple[Progress, list[Result]]:
        """Run the one fold over as many slots as go at once.

        A job ends by itself long before its deadline, unless one of its slots does not: then they
        are run one by one, until it is found.
        """
        first = progress.slot + 1
        last = first if first < self._apart_until else wanted
        raws = self._raws(first, last, known)
        try:
            ran = await self._run(Cursor(), first, raws, progress.state)
        except _NeverEndsError:
            if len(raws) == 1:
                raise
            self._apart_until = first + len(raws)
            return await self._run_slots(progress, wanted, known)
        return Progress(progress.slot + len(ran.results), ran.state), ran.results

    async def _run_stage(self, progress: Progress) -> tuple[Progress, list[Result]]:
        """Run the next fold of the stack over one slot; the result only where that ends it."""
        slot = progress.slot + 1
        cursor = progress.cursor or Cursor()
        ran = await self._run(
            cursor,
            slot,
            self._raws(slot, slot, self._said.result),
            progress.within or progress.state,
        )
        (result,) = ran.results
        output = result.output or progress.output
        if result.code:
            return Progress(slot, progress.state), [result]
        try:
            after = cursor.after(result.verdict, self._program)
        except LimitExceededError as error:
            failed = Result(b"", code=error.code, reason=str(error))
            return Progress(slot, progress.state), [failed]
        if after is None:
            return Progress(slot, ran.state), [result._replace(output=output, verdict=Verdict.OK)]
        return progress._replace(cursor=after, within=ran.state, output=output), []

    async def _run(self, cursor: Cursor, first: int, raws: Sequence[bytes], before: bytes) -> Ran:
        program = self._program
        name = program.folds[cursor.place]
        job = Job(
            name,
            program.passes,
            self.process,
            first,
            cursor.number,
            tuple(raws),
            before,
            is_alone=not program.is_stack,
        )
        try:
            return await self._run_job(job)
        except FoldError as error:
            said = Failure(first, name, cursor.number, error.code, str(error))
            raise _NeverEndsError(said, error) from error

    async def _say(self, failure: Failure) -> None:
        """Give what cannot be computed a slot: so it stays, whoever computes the process anew.

        Raises:
            FoldError: this node may not: the process is a copy, or nothing is placed here.
        """
        try:
            await self._world.say(self.process, failure.fields)
        except (RefusedError, DisabledError) as error:
            raise FoldError(failure.reason, code=failure.code) from error

    # What is on disk.

    def _rows(
        self, before: Progress, done: Progress, results: Sequence[Result]
    ) -> Iterator[tuple[TreePath, bytes | None]]:
        """Yield what becomes durable with the step from *before* to *done*."""
        for slot, result in enumerate(results, before.slot + 1):
            yield (COMPUTED, self._id, str(slot)), encode_result(result)
        if self._program.is_stack:
            yield (COMPUTING, self._id), encode_progress(done, self._program.folds)
        number = done.slot // SNAPSHOT_SLOTS
        if results and number != before.slot // SNAPSHOT_SLOTS:
            known = Progress(done.slot, done.state)
            yield self._snapshot_path(number), encode_progress(known, self._program.folds)
            for name in self._snapshots():
                if not is_kept(int(name), number):
                    yield (SNAPSHOTS, self._id, name), None

    def _stored(self) -> Progress | None:
        """Return the last progress on disk."""
        raw = self._world.tree.get((COMPUTING, self._id))
        known = None if raw is None else decode_progress(raw, self._program.folds)
        return known or self._snapshot(JSON_INTEGER_MAX)

    def _snapshot(self, slot: int) -> Progress | None:
        """Return the last snapshot at *slot* or before that is whole."""
        for name in reversed(self._snapshots()):
            raw = self._world.tree.get((SNAPSHOTS, self._id, name))
            known = None if raw is None else decode_progress(raw, self._program.folds)
            if known is not None and known.slot <= slot:
                return known
        return None

    def _snapshots(self) -> Sequence[str]:
        return self._world.tree.list((SNAPSHOTS, self._id))

    def _snapshot_path(self, number: int) -> TreePath:
        return (SNAPSHOTS, self._id, f"{number:0{_DIGITS}d}")

    def _raws(self, first: int, last: int, known: Callable[[int], Result | None]) -> list[bytes]:
        """Return the records from *first* on, encoded: as many as go at once, up to *last*."""
        raws: list[bytes] = []
        size_bytes = 0
        last = min(last, first + FOLD_STEPS_MAX - 1)
        for slot, record in self._world.log.read_range(self.process, first, last):
            raw = record.encode()
            size_bytes += len(raw)
            if raws and (size_bytes > FOLD_STEPS_MAX_BYTES or known(slot) is not None):
                break
            raws.append(raw)
        return raws

    async def _begin(self) -> Progress:
        """Return the state before slot 0: that of one fold, or the maps of all of them as one.

        Raises:
            FoldError: one of them cannot begin; it is not tried again as long as this lives.
        """
        if self._stuck is not None:
            raise FoldError(str(self._stuck), code=self._stuck.code)
        try:
            return Progress(-1, await self._first_state())
        except FoldError as error:
            self._stuck = error
            raise

    async def _first_state(self) -> bytes:
        program, spawn = self._program, self._raws(0, 0, self._failed)
        states: dict[str, bytes] = {}
        for name in program.folds:
            job = Job(name, program.passes, self.process, 0, 1, tuple(spawn))
            try:
                ran = await self._run_job(job)
            except FoldError as error:
                raise self._cannot_begin(name, str(error), error.code) from error
            if ran.results:
                raise self._cannot_begin(name, ran.results[0].reason, ran.results[0].code)
            states[name] = ran.state
        if len(states) == 1:
            return states[program.folds[0]]
        merged: dict[str, object] = {}
        for name, state in states.items():
            own = decode_state(state)
            if own is not None and not isinstance(own, dict):
                raise self._cannot_begin(name, "folds of a stack share one map", "bad_state")
            merged |= own or {}
        return encode_state(merged)

    def _cannot_begin(self, name: str, reason: str, code: str) -> FoldError:
        return FoldError(f"process {self._id} cannot begin: {name}: {reason}", code=code)


class _NeverEndsError(Exception):
    """A fold that has not ended in time, or has ended its worker: no second run says what it is."""

    def __init__(self, said: Failure, error: FoldError) -> None:
        self.said = said
        self.error = error
        super().__init__(said.reason)
