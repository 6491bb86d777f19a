"""`LmdbLog`, `MemoryLog` and a plain model, driven side by side, agree on everything."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from seriatim.formats.errors import SlotConflictError
from seriatim.formats.limits import PAGE_CHUNK_BYTES
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.upload import Part
from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Append, Log, Outgoing, Place, Uploaded
from seriatim.store.memory_log import MemoryLog
from tests.support.records import make_append, make_id, make_record

# Few, and at both ends of the byte order, so that neighbours are met all the time.
PROCESSES = sorted([bytes(32), b"\xff" * 32, *(make_id(f"process {name}") for name in "abcd")])
IDS = [make_id(f"id {number}") for number in range(6)]
SLOT_FAR = 40

processes = st.sampled_from(PROCESSES)
any_ids = st.sampled_from(IDS)
slots = st.integers(min_value=-2, max_value=SLOT_FAR)
payloads = st.sampled_from([0, 1, 2_000, PAGE_CHUNK_BYTES // 3]).map(bytes)
parts = st.sampled_from([*Part, Part.NOTHING, Part.MESSAGE | Part.ASSIGNMENT])
entries = st.tuples(processes, payloads, st.lists(any_ids, max_size=3).map(tuple), payloads, parts)
Drawn = tuple[bytes, bytes, tuple[bytes, ...], bytes, Part]


class Model:
    """What a log is, without any care for memory or speed."""

    def __init__(self) -> None:
        self.order: list[Append] = []
        self.left: dict[int, Part] = {}

    def schedule(self, process: bytes) -> list[Append]:
        """Return the entries of *process* in slot order."""
        return [entry for entry in self.order if entry.process == process]

    def slot_of(self, process: bytes, any_id: bytes) -> int | None:
        """Return the first slot of *process* that carries *any_id*."""
        return next((e.slot for e in self.schedule(process) if any_id in e.ids), None)

    def outgoing(self, sequence: int) -> Outgoing:
        """Return what the outbox says, or said, of the entry *sequence*."""
        entry = self.order[sequence]
        return Outgoing(sequence, entry.process, entry.slot, self.left[sequence])


class LogMachine(RuleBasedStateMachine):
    """Appends, good and bad, and every read, with reopening in between."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seriatim-test-"))
        self.model = Model()
        self.lmdb: Log = LmdbLog(Environment.open_writer(self.folder / "log"))
        self.memory: Log = MemoryLog()

    @property
    def logs(self) -> tuple[Log, Log]:
        return self.lmdb, self.memory

    def teardown(self) -> None:
        if hasattr(self, "lmdb"):
            self.lmdb.close()
            shutil.rmtree(self.folder)

    def _batch(self, drawn: list[Drawn]) -> list[Append]:
        """Give each drawn entry the next slot of its process."""
        batch: list[Append] = []
        for process, message, ids, view, upload in drawn:
            slot = len(self.model.schedule(process)) + sum(e.process == process for e in batch)
            batch.append(
                make_append(process, slot, message=message, ids=ids, view=view, upload=upload)
            )
        return batch

    @rule(drawn=st.lists(entries, max_size=8))
    def append(self, drawn: list[Drawn]) -> None:
        batch = self._batch(drawn)
        sequence = len(self.model.order)
        assert [log.append(batch) for log in self.logs] == [sequence] * 2
        self.model.order += batch
        uploads = {at: entry.upload for at, entry in enumerate(batch, sequence) if entry.upload}
        self.model.left |= uploads

    @precondition(lambda self: self.model.left)
    @rule(drawn=st.lists(entries, max_size=2), data=st.data())
    def append_and_take_off_the_outbox(self, drawn: list[Drawn], data: st.DataObject) -> None:
        known = st.sampled_from(sorted(self.model.left))
        acknowledged = data.draw(st.dictionaries(known, parts, max_size=4))
        uploaded = [
            Uploaded(*self.model.outgoing(sequence)[:3], done)
            for sequence, done in acknowledged.items()
        ]
        stranger = Uploaded(0, make_id("nobody"), 0, Part.MESSAGE)
        batch = self._batch(drawn)
        for log in self.logs:
            log.append(batch, [*uploaded, stranger])
        for each in uploaded:
            self.model.left[each.sequence] &= ~each.parts
        for at, entry in enumerate(batch, len(self.model.order)):
            if entry.upload:
                self.model.left[at] = entry.upload
        self.model.order += batch

    @rule(first=st.integers(0, 60), limit=st.integers(0, 60))
    def read_outbox(self, first: int, limit: int) -> None:
        left = self.model.left
        waiting = [at for at in sorted(left) if left[at]]
        wanted = [self.model.outgoing(at) for at in waiting if at >= first][:limit]
        for log in self.logs:
            assert log.outbox(first, limit) == wanted
            assert log.outbox_size() == len(waiting)
            for at, entry in enumerate(self.model.order):
                assert log.upload_left(entry.process, entry.slot) == left.get(at)

    @rule(drawn=st.lists(entries, min_size=1, max_size=8), data=st.data())
    def append_with_one_wrong_slot(self, drawn: list[Drawn], data: st.DataObject) -> None:
        batch = self._batch(drawn)
        at = data.draw(st.integers(0, len(batch) - 1))
        right = batch[at].slot
        wrong = data.draw(slots.filter(lambda slot: slot != right))
        batch[at] = batch[at]._replace(slot=wrong)
        for log in self.logs:
            with pytest.raises(SlotConflictError) as refusal:
                log.append(batch)
            assert (refusal.value.expected, refusal.value.given) == (right, wrong)

    @rule()
    def reopen(self) -> None:
        self.lmdb.close()
        self.lmdb = LmdbLog(Environment.open_writer(self.folder / "log"))

    @rule(process=processes, first=slots, last=slots)
    def read_range(self, process: bytes, first: int, last: int) -> None:
        low = max(first, 0)
        schedule = self.model.schedule(process)[low : max(last + 1, low)]
        for log in self.logs:
            items = list(log.read_range(process, first, last))
            assert [(slot, record.encode()) for slot, record in items] == [
                (entry.slot, entry.record) for entry in schedule
            ]

    @rule(process=processes, first=slots, last=slots)
    def read_views(self, process: bytes, first: int, last: int) -> None:
        low = max(first, 0)
        views = [entry.view for entry in self.model.schedule(process)[low : max(last + 1, low)]]
        if b"" in views:
            views = views[: views.index(b"")]
        for log in self.logs:
            chunks = list(log.read_views(process, first, last, separator=b"|"))
            assert b"|".join(chunks) == b"|".join(views)

    @rule(process=processes, slot=slots)
    def read(self, process: bytes, slot: int) -> None:
        known = 0 <= slot < len(self.model.schedule(process))
        expected: Record | None = None
        if known:
            message = self.lmdb.read(process, slot)
            assert message is not None
            expected = make_record(process, slot, message=message.message)
            assert expected.encode() == self.model.schedule(process)[slot].record
        for log in self.logs:
            assert log.read(process, slot) == expected
            timestamp_ms = None if expected is None else expected.timestamp_ms
            assert log.timestamp_ms(process, slot) == timestamp_ms

    @rule(any_id=any_ids)
    def find(self, any_id: bytes) -> None:
        places = [
            Place(process, slot)
            for process in PROCESSES
            if (slot := self.model.slot_of(process, any_id)) is not None
        ]
        for log in self.logs:
            assert log.find(any_id) == places
            for process in PROCESSES:
                assert log.find_in(process, any_id) == self.model.slot_of(process, any_id)

    @rule(after=st.none() | processes | any_ids, limit=st.integers(0, 8))
    def list_processes(self, after: bytes | None, limit: int) -> None:
        known = [p for p in PROCESSES if self.model.schedule(p) and (after is None or p > after)]
        for log in self.logs:
            assert log.processes(after=after, limit=limit) == known[:limit]

    @precondition(lambda self: self.model.order)
    @rule(first=st.integers(0, 60), limit=st.integers(0, 60))
    def list_commits(self, first: int, limit: int) -> None:
        places = [Place(e.process, e.slot) for e in self.model.order[first : first + limit]]
        for log in self.logs:
            assert log.commits(first, limit) == places

    @invariant()
    def heads_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        for process in PROCESSES:
            schedule = self.model.schedule(process)
            for log in self.logs:
                head = log.head(process)
                assert (head.slot + 1 if head else 0) == len(schedule)


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
