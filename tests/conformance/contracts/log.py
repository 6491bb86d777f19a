"""What every `Log` must do, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from seriatim.formats.errors import (
    CorruptRecordError,
    MalformedError,
    SlotConflictError,
    StoreError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PAGE_CHUNK_BYTES
from seriatim.formats.schedule.record import Head
from seriatim.formats.schedule.upload import Part
from seriatim.store.log import Append, Log, Place, Rendition, Uploaded
from tests.support.records import make_append, make_appends, make_id, make_record

P = make_id("process p")
Q = make_id("process q")
LARGE = bytes(PAGE_CHUNK_BYTES // 2)
BEYOND_64_BITS = 2**64


class LogContract(ABC):
    """Subclass it, and say how an empty log is opened."""

    @abstractmethod
    def open(self, folder: Path) -> Log:
        """Return an empty log; *folder* does not exist yet and is its own."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        """Give an empty log, and close it afterwards."""
        log = self.open(tmp_path / "log")
        yield log
        log.close()

    def test_an_empty_log_has_nothing(self, log: Log) -> None:
        assert log.head(P) is None
        assert log.read(P, 0) is None
        assert log.timestamp_ms(P, 0) is None
        assert list(log.read_range(P, 0, 10)) == []
        assert list(log.read_views(P, 0, 10, separator=b",")) == []
        assert log.find(P) == []
        assert log.find_in(P, P) is None
        assert log.processes(limit=10) == []
        assert log.commits(0, 10) == []

    def test_an_append_is_read_back_as_it_was(self, log: Log) -> None:
        log.append(make_appends(P, range(3)))
        for slot in range(3):
            assert log.read(P, slot) == make_record(P, slot)
            assert log.timestamp_ms(P, slot) == make_record(P, slot).timestamp_ms
        assert log.read(P, 3) is None
        assert log.read(Q, 0) is None

    def test_the_head_is_the_last_slot(self, log: Log) -> None:
        log.append(make_appends(P, range(3)))
        last = make_record(P, 2)
        assert log.head(P) == Head(
            2, last.variant, last.timestamp_ms, last.assignment_id, last.hash_chain
        )

    @pytest.mark.parametrize("process", [bytes(32), b"\xff" * 32, P], ids=["low", "high", "any"])
    def test_a_head_is_found_among_its_neighbours(self, log: Log, process: bytes) -> None:
        for other in {bytes(32), b"\xff" * 32, P, Q} - {process}:
            log.append(make_appends(other, range(2)))
        assert log.head(process) is None
        log.append(make_appends(process, range(257)))
        head = log.head(process)
        assert head is not None
        assert head.slot == 256

    @pytest.mark.parametrize("slot", [-1, 1, 2, BEYOND_64_BITS])
    def test_a_first_slot_other_than_0_is_refused(self, log: Log, slot: int) -> None:
        with pytest.raises(SlotConflictError) as refusal:
            log.append([make_append(P, 0)._replace(slot=slot)])
        assert (refusal.value.process, refusal.value.expected) == (encode_id(P), 0)
        assert refusal.value.given == slot
        assert log.head(P) is None

    @pytest.mark.parametrize("slot", [0, 1, 3])
    def test_a_slot_other_than_the_next_is_refused(self, log: Log, slot: int) -> None:
        log.append(make_appends(P, range(2)))
        with pytest.raises(SlotConflictError) as refusal:
            log.append([make_append(P, slot, message=b"other")])
        assert (refusal.value.expected, refusal.value.given) == (2, slot)
        assert [record for _, record in log.read_range(P, 0, 9)] == [
            make_record(P, 0),
            make_record(P, 1),
        ]

    @pytest.mark.parametrize("slots", [(1, 0), (0, 0), (0, 2)])
    def test_slots_of_a_batch_must_follow_one_another(
        self, log: Log, slots: tuple[int, int]
    ) -> None:
        with pytest.raises(SlotConflictError):
            log.append(make_appends(P, slots))
        assert log.head(P) is None

    def test_one_bad_entry_refuses_the_whole_batch(self, log: Log) -> None:
        log.append(make_appends(P, [0]))
        good = make_append(Q, 0)
        with pytest.raises(SlotConflictError):
            log.append([good, make_append(P, 1), make_append(P, 3)])
        assert log.head(Q) is None
        assert log.read(P, 1) is None
        assert log.find(good.ids[0]) == []
        assert log.find_in(Q, good.ids[0]) is None
        assert log.processes(limit=10) == [P]
        assert log.commits(0, 10) == [Place(P, 0)]
        assert list(log.read_views(Q, 0, 0, separator=b",")) == []
        assert log.append([good]) == 1, "the refused batch took no sequence numbers"

    def test_an_empty_batch_writes_nothing(self, log: Log) -> None:
        log.append(make_appends(P, range(2)))
        assert log.append([]) == 2
        assert log.append(make_appends(P, [2])) == 2

    def test_ids_of_a_wrong_length_are_refused(self, log: Log) -> None:
        log.append(make_appends(P, [0]))
        short = P[:31]
        calls: list[Callable[[], object]] = [
            lambda: log.head(short),
            lambda: log.read(short, 0),
            lambda: list(log.read_range(short, 0, 0)),
            lambda: list(log.read_views(short, 0, 0, separator=b"")),
            lambda: log.timestamp_ms(short, 0),
            lambda: log.find(short),
            lambda: log.find_in(short, P),
            lambda: log.find_in(P, short),
            lambda: log.processes(after=short, limit=1),
            lambda: log.append([make_append(P, 1)._replace(process=short)]),
            lambda: log.append([make_append(P, 1, ids=(short,))]),
        ]
        for call in calls:
            with pytest.raises(MalformedError) as refusal:
                call()
            assert refusal.value.code == "bad_id"
        assert log.commits(0, 10) == [Place(P, 0)]

    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            (0, 9, range(10)),
            (3, 5, range(3, 6)),
            (5, 5, [5]),
            (6, 5, []),
            (8, 99, [8, 9]),
            (10, 99, []),
            (-5, 1, [0, 1]),
            (-5, -1, []),
            (9, BEYOND_64_BITS, [9]),
            (BEYOND_64_BITS, BEYOND_64_BITS, []),
        ],
    )
    def test_a_range_is_inclusive_and_ends_with_the_log(
        self, log: Log, first: int, last: int, expected: range | list[int]
    ) -> None:
        for process in (P, Q):
            log.append(make_appends(process, range(10)))
        assert list(log.read_range(P, first, last)) == [
            (slot, make_record(P, slot)) for slot in expected
        ]
        assert b"".join(log.read_views(P, first, last, separator=b",")) == b",".join(
            b"view %d" % slot for slot in expected
        )

    @pytest.mark.parametrize("slot", [-1, 1, BEYOND_64_BITS, 10**30])
    def test_a_slot_outside_the_log_reads_as_none(self, log: Log, slot: int) -> None:
        log.append(make_appends(P, [0]))
        assert log.read(P, slot) is None
        assert log.timestamp_ms(P, slot) is None

    def test_a_range_of_many_chunks_is_whole(self, log: Log) -> None:
        entries = [make_append(P, s, message=LARGE, view=LARGE + b"%d" % s) for s in range(7)]
        log.append(entries)
        assert [record.encode() for _, record in log.read_range(P, 0, 6)] == [
            entry.record for entry in entries
        ]

    def test_view_chunks_are_bounded_and_joined_by_the_caller(self, log: Log) -> None:
        views = [bytes(PAGE_CHUNK_BYTES // 3) + b"%d" % slot for slot in range(8)]
        log.append([make_append(P, slot, view=view) for slot, view in enumerate(views)])
        chunks = list(log.read_views(P, 0, 7, separator=b","))
        assert len(chunks) > 1
        assert all(len(chunk) <= PAGE_CHUNK_BYTES + len(b",") * 8 for chunk in chunks)
        assert b",".join(chunks) == b",".join(views)

    def test_a_view_larger_than_a_chunk_comes_alone(self, log: Log) -> None:
        views = [b"a", bytes(2 * PAGE_CHUNK_BYTES), b"b"]
        log.append([make_append(P, slot, view=view) for slot, view in enumerate(views)])
        assert list(log.read_views(P, 0, 2, separator=b",")) == views

    def test_a_range_goes_on_after_an_append_between_two_items(self, log: Log) -> None:
        log.append([make_append(P, slot, message=LARGE) for slot in range(4)])
        items = log.read_range(P, 0, 3)
        assert next(items)[0] == 0
        log.append([make_append(P, 4)])
        assert [slot for slot, _ in items] == [1, 2, 3]

    def test_views_end_at_an_entry_without_one(self, log: Log) -> None:
        views = [b"a", b"b", b"", b"d"]
        log.append([make_append(P, slot, view=view) for slot, view in enumerate(views)])
        assert list(log.read_views(P, 0, 3, separator=b",")) == [b"a,b"]
        assert list(log.read_views(P, 2, 3, separator=b",")) == []
        assert list(log.read_views(P, 3, 3, separator=b",")) == [b"d"]

    @pytest.mark.parametrize("gap", [0, 1, 31, 32, 33, 63, 64, 65, 95, 99, 100])
    def test_views_of_a_long_log_end_at_the_gap(self, log: Log, gap: int) -> None:
        views = [b"view %d" % slot for slot in range(100)]
        views[gap:] = [b"", *views[gap + 1 :]] if gap < len(views) else []
        log.append([make_append(P, slot, view=view) for slot, view in enumerate(views)])
        log.append(make_appends(Q, range(100)))
        for first in range(gap):
            assert b",".join(log.read_views(P, first, 200, separator=b",")) == b",".join(
                views[first:gap]
            )

    def test_an_id_keeps_its_first_slot_in_each_process(self, log: Log) -> None:
        message = make_id("message")
        log.append([make_append(P, slot, ids=(message,)) for slot in range(3)])
        log.append([make_append(Q, 0), make_append(Q, 1, ids=(message,))])
        log.append([make_append(P, 3, ids=(message,))])
        assert log.find(message) == sorted([Place(P, 0), Place(Q, 1)])
        assert log.find_in(P, message) == 0
        assert log.find_in(Q, message) == 1

    @pytest.mark.parametrize("any_id", [bytes(32), b"\xff" * 32], ids=["low", "high"])
    def test_an_id_is_found_alone_at_both_ends_of_the_order(self, log: Log, any_id: bytes) -> None:
        log.append([make_append(P, 0), make_append(P, 1, ids=(any_id,))])
        assert log.find(any_id) == [Place(P, 1)]
        assert log.find(make_id("unknown")) == []
        assert log.find_in(Q, any_id) is None

    def test_an_entry_may_have_no_ids(self, log: Log) -> None:
        log.append([make_append(P, 0, ids=())])
        assert log.read(P, 0) == make_record(P, 0)

    def test_processes_come_in_byte_order_page_by_page(self, log: Log) -> None:
        every = sorted(make_id(f"process {number}") for number in range(10))
        for process in (every[3], every[0], *every[4:], *every[1:3]):
            log.append(make_appends(process, range(2)))
        assert log.processes(limit=100) == every
        assert log.processes(limit=4) == every[:4]
        assert log.processes(after=every[3], limit=4) == every[4:8]
        assert log.processes(after=bytes(32), limit=1) == every[:1]
        assert log.processes(after=b"\xff" * 32, limit=10) == []
        assert log.processes(limit=0) == []

    def test_commits_without_end_are_all_of_them(self, log: Log) -> None:
        log.append(make_appends(P, range(3)))
        assert log.commits(1, 2**63) == [Place(P, 1), Place(P, 2)]

    def test_commits_come_in_the_order_in_which_they_became_durable(self, log: Log) -> None:
        batches: list[list[Append]] = [
            [make_append(Q, 0), make_append(P, 0), make_append(Q, 1)],
            [make_append(P, 1)],
            [make_append(P, 2), make_append(Q, 2)],
        ]
        assert [log.append(batch) for batch in batches] == [0, 3, 4]
        every = [Place(entry.process, entry.slot) for batch in batches for entry in batch]
        for first in range(-1, 9):
            for limit in range(8):
                low, high = max(first, 0), max(first + limit, 0)
                assert log.commits(first, limit) == every[low:high], (first, limit)
        assert log.commits(BEYOND_64_BITS, 1) == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda stored: b"",
            lambda stored: stored[:-1],
            lambda stored: stored[:-1] + bytes((stored[-1] ^ 1,)),
            lambda stored: bytes((stored[0] ^ 1,)) + stored[1:],
            lambda stored: _sealed(stored[8:9] + b"\x09" + stored[10:]),
            lambda stored: _sealed(stored[8:10] + b"\x09" + stored[11:]),
            lambda stored: _sealed(b"\x09" + stored[9:]),
        ],
        ids=["empty", "short", "body", "checksum", "variant", "kind", "format"],
    )
    def test_a_damaged_record_is_reported_with_its_place(
        self, log: Log, damage: Callable[[bytes], bytes]
    ) -> None:
        good, bad = make_appends(P, range(2))
        log.append([good, bad._replace(record=damage(bad.record))])
        for call in (lambda: log.head(P), lambda: log.read(P, 1)):
            with pytest.raises(CorruptRecordError) as refusal:
                call()
            assert (refusal.value.process, refusal.value.slot) == (encode_id(P), 1)
        items = log.read_range(P, 0, 1)
        assert next(items) == (0, make_record(P, 0))
        with pytest.raises(CorruptRecordError):
            next(items)

    def test_a_closed_log_refuses_every_call(self, log: Log) -> None:
        log.append(make_appends(P, range(2)))
        under_way = log.read_range(P, 0, 1)
        next(under_way)
        log.close()
        log.close()
        calls: list[Callable[[], object]] = [
            lambda: log.head(P),
            lambda: log.append(make_appends(P, [2])),
            lambda: log.read(P, 0),
            lambda: list(log.read_range(P, 0, 1)),
            lambda: list(log.read_views(P, 0, 1, separator=b"")),
            lambda: log.timestamp_ms(P, 0),
            lambda: log.find(P),
            lambda: log.find_in(P, P),
            lambda: log.processes(limit=1),
            lambda: log.commits(0, 1),
        ]
        for call in calls:
            with pytest.raises(StoreError, match="closed"):
                call()

    def test_the_first_rendition_of_a_place_stays(self, log: Log) -> None:
        log.append(make_appends(P, range(2)))
        assert log.rendition(P, 0) is None
        assert log.add_renditions([Rendition(P, 0, b"first"), Rendition(P, 1, b"")]) == [
            b"first",
            b"",
        ]
        again = [Rendition(P, 0, b"second"), Rendition(Q, 0, b"of q"), Rendition(P, 0, b"third")]
        assert log.add_renditions(again) == [b"first", b"of q", b"first"]
        assert (log.rendition(P, 0), log.rendition(P, 1)) == (b"first", b"")
        assert (log.rendition(Q, 0), log.rendition(Q, 1)) == (b"of q", None)
        assert log.rendition(P, -1) is None
        assert log.rendition(P, BEYOND_64_BITS) is None
        assert log.read(P, 0) == make_record(P, 0), "the log itself is what it was"

    def test_what_is_refused_leaves_the_outbox_as_it_was(self, log: Log) -> None:
        log.append([make_append(P, 0, upload=Part.MESSAGE)])
        before = log.outbox(0, 10)
        taken_off = [Uploaded(0, P, 0, Part.MESSAGE)]
        with pytest.raises(SlotConflictError):
            log.append([make_append(P, 5, upload=Part.MESSAGE)], taken_off)
        assert log.outbox(0, 10) == before
        assert log.upload_left(P, 0) == Part.MESSAGE
        log.append([], taken_off)
        assert log.outbox(0, 10) == []
        assert log.upload_left(P, 0) == Part.NOTHING, "and it is known that it was uploaded"
        assert log.upload_left(P, 1) is None


def _sealed(body: bytes) -> bytes:
    """Give *body* a checksum that fits, as a newer seriatim would."""
    return sha256(body).digest()[:8] + body
