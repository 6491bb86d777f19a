"""A node brings its copies up to their sources for whoever reads them, and writes what holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.follow import catch_up, copies
from seriatim.actors.follow.catch_up import CatchUp
from seriatim.actors.follow.copies import HintedCopy
from seriatim.actors.follow.folder import open_followed
from seriatim.actors.follow.marks import FollowMark, FollowMarks
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.writer import Copied, Sealed, Writer
from seriatim.formats.errors import (
    DeadlineExceededError,
    DivergedError,
    ForkError,
    GapError,
    LimitExceededError,
    TamperedError,
    UnavailableError,
)
from seriatim.formats.limits import (
    CATCH_UP_DEADLINE_MS,
    CATCH_UP_FETCH_DEADLINE_MS,
    CATCH_UP_PAUSE_MS,
)
from seriatim.formats.schedule.evidence import Evidence
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.page import PageEntry
from seriatim.store.memory_log import MemoryLog
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.builders import CLIENT, every_kind, message, seal_log, spawn
from tests.support.running_node import check_log, post, running
from tests.support.sources import ListSource, drafts_of, source_of
from tests.support.strategies import known_wallet


class Reading:
    """Copies in memory, brought up to the sources that a test gives."""

    def __init__(
        self, evidence: Path, *sources: ListSource, hinted: Sequence[ListSource] = ()
    ) -> None:
        self.log = MemoryLog()
        self.clock = ManualClock()
        self.evidence = evidence
        self.opened = 0
        self._sources = {source.process: source for source in (*sources, *hinted)}
        tree = MemoryTree()
        marks = FollowMarks(tree)
        for source in sources:
            marks.put(source.process, source.url)
        self._writer = Writer(self.log, None, bytes, tree=tree)
        self.catch_up = CatchUp(
            draw=Random(1).randrange,
            log=self.log,
            marks=marks,
            store=self._store,
            open_source=self._open,
            clock=self.clock,
            evidence=evidence,
        )

    def read(self, source: ListSource) -> int | None:
        """Bring the copy of *source*, which has had its pause, on; return what is said of it."""
        self.clock.advance(CATCH_UP_PAUSE_MS)
        return asyncio.run(self.catch_up(source.process))

    def finding(self, source: ListSource, kind: type[DivergedError], slot: int) -> None:
        """Read *source*, which ends with *kind* at *slot*, and the evidence on disk."""
        with pytest.raises(kind) as caught:
            self.read(source)
        assert caught.value.slot == slot
        assert "/" not in caught.value.evidence, "strangers hear no path of this machine"
        plain = orjson.loads((self.evidence / caught.value.evidence).read_bytes())
        assert (plain["kind"], plain["slot"]) == (kind.code, slot)

    def records(self, source: ListSource) -> list[Record]:
        return [record for _, record in self.log.read_range(source.process, 0, 1 << 40)]

    def _open(self, url: str, process: bytes) -> ListSource:
        self.opened += 1
        assert url == self._sources[process].url
        return self._sources[process]

    def _store(self, job: Copied) -> Future[Sealed]:
        future: Future[Sealed] = Future()
        future.resolve(self._writer.write([job])[0])
        return future


class HeldSource(ListSource):
    """A source whose pages wait until a test lets them go."""

    def __init__(self, process: bytes, records: list[Record]) -> None:
        super().__init__(process, records)
        self.came = asyncio.Event()
        self.may_go = asyncio.Event()

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        entries = await super().page(first, count)
        self.came.set()
        await self.may_go.wait()
        return entries


def held(variant: Variant, count: int) -> HeldSource:
    source = source_of(drafts_of(variant, count))
    return HeldSource(source.process, source.records)


@pytest.mark.parametrize("in_children", [False, True])
@pytest.mark.parametrize("variant", Variant)
def test_a_nodes_copy_is_its_source_byte_for_byte(
    variant: Variant, tmp_path: Path, *, in_children: bool
) -> None:
    drafts = every_kind(variant)
    source = ListSource(drafts[0].process, seal_log(drafts))
    whole = list(source.records)

    async def main() -> None:
        async with open_followed(tmp_path, source.process, url=source.url, now_ms=1):
            pass
        async with running(
            tmp_path,
            wallet=known_wallet(CLIENT),
            in_children=in_children,
            open_source=lambda url, process: source,
        ) as node:
            own = await post(node, spawn(Variant.NATIVE, "own"))
            for count in (2, len(whole)):
                source.records = whole[:count]
                found = await asyncio.gather(
                    node.catch_up(source.process),
                    post(node, message(own.process, f"beside {count}")),
                )
                assert found[0] == count - 1
                stored = [each.record for each in node.schedule(source.process, 0, 100)]
                assert stored == whole[:count]
            assert check_log(node, own.process) == 3
            assert await node.catch_up(own.process) is None
            views = b",".join(node.views(source.process, 0, 100, separator=b","))
            assert bool(views) == (variant is Variant.LEGACY), "a copy has its views too"

    asyncio.run(main())


def test_a_source_that_makes_the_node_fail_has_a_pause_as_any_other(tmp_path: Path) -> None:
    class Odd(ListSource):
        async def last(self) -> int:
            self.asked += 1
            raise ValueError("planted")

    kept = source_of(drafts_of(Variant.NATIVE, 2))
    source = Odd(kept.process, kept.records)
    reading = Reading(tmp_path, source)
    for _ in range(3):
        with pytest.raises(UnavailableError, match="failed at what the source has said"):
            asyncio.run(reading.catch_up(source.process))
        assert source.asked == 1
    with pytest.raises(UnavailableError):
        reading.read(source)
    assert source.asked == 2


def test_a_copy_is_a_beginning_of_its_source_whatever_the_bounds(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.NATIVE, 12))
    whole = list(source.records)

    @given(bound=st.integers(1, 15), seen=st.lists(st.integers(1, 12), max_size=8))
    def check(bound: int, seen: list[int]) -> None:
        reading = Reading(tmp_path, source)
        stored = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catch_up, "CATCH_UP_SLOTS_MAX", bound)
            for count in sorted(seen):
                source.records = whole[:count]
                assert reading.read(source) == count - 1
                stored = min(max(stored, count), stored + bound)
                assert reading.records(source) == whole[:stored]
        assert reading.opened == bool(seen), "what a node serves is found out once"

    check()


def test_readers_share_a_fetch_and_go_on_when_it_takes_too_long(tmp_path: Path) -> None:
    async def main() -> None:
        source = held(Variant.NATIVE, 3)
        reading = Reading(tmp_path, source)
        readers = [asyncio.ensure_future(reading.catch_up(source.process)) for _ in range(5)]
        await source.came.wait()
        reading.clock.advance(CATCH_UP_DEADLINE_MS)
        assert await asyncio.gather(*readers) == [None] * 5
        late = [asyncio.ensure_future(reading.catch_up(source.process)) for _ in range(2)]
        await asyncio.sleep(0)
        source.may_go.set()
        assert await asyncio.gather(*late) == [2, 2]
        assert source.asked == 4, "the last slot, a page, and whether two slots are still the same"
        assert len(reading.records(source)) == 3

    asyncio.run(main())


def test_no_more_processes_are_fetched_at_once_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UPS_MAX", 1)

    async def main() -> None:
        one, two = held(Variant.NATIVE, 2), held(Variant.HYPERBEAM, 2)
        assert one.process != two.process
        reading = Reading(tmp_path, one, two)
        first = asyncio.ensure_future(reading.catch_up(one.process))
        await asyncio.sleep(0)
        assert await reading.catch_up(two.process) is None
        assert two.asked == 0
        one.may_go.set()
        two.may_go.set()
        assert await first == 1
        assert await reading.catch_up(two.process) == 1

    asyncio.run(main())


def test_a_source_that_is_away_leaves_what_is_there(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.NATIVE, 3))
    reading = Reading(tmp_path, source)
    source.away = 1
    with pytest.raises(UnavailableError):
        reading.read(source)
    assert reading.read(source) == 2
    source.away = 1
    assert reading.read(source) is None
    assert len(reading.records(source)) == 3


def test_what_does_not_hold_is_named_and_not_written(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.HYPERBEAM, 6))
    whole = list(source.records)
    other = source_of(drafts_of(Variant.HYPERBEAM, 6, "other")).records
    reading = Reading(tmp_path, source)
    source.tampers[1] = lambda plain: plain["body"].update(data="forged")
    reading.finding(source, TamperedError, 1)
    assert reading.records(source) == whole[:1]
    source.tampers.clear()
    source.hidden = {2}
    reading.finding(source, GapError, 2)
    assert reading.records(source) == whole[:2]
    source.hidden.clear()
    source.records = other
    reading.finding(source, ForkError, 1)
    assert reading.records(source) == whole[:2]
    source.records = whole
    assert reading.read(source) == 5
    assert reading.records(source) == whole


def test_a_record_over_the_bound_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's frames are bounded, and no source may say how long its records are."""
    source = source_of(drafts_of(Variant.NATIVE, 3))
    longest = max(len(record.encode()) for record in source.records)
    monkeypatch.setattr(copies, "COPY_RECORD_MAX_BYTES", longest - 1)
    reading = Reading(tmp_path, source)
    with pytest.raises(LimitExceededError):
        reading.read(source)
    monkeypatch.setattr(copies, "COPY_RECORD_MAX_BYTES", longest)
    monkeypatch.setattr(copies, "COPY_JOB_MAX_BYTES", 1)
    assert reading.read(source) == 2
    assert reading.records(source) == source.records


def test_forks_that_hints_lead_to_leave_one_file_per_process(tmp_path: Path) -> None:
    """Who schedules a process of his own can fork it at every slot."""
    source = source_of(drafts_of(Variant.HYPERBEAM, 2))
    reading = Reading(tmp_path, hinted=[source])
    mark = FollowMark(source.url, is_hinted=True)
    copy = HintedCopy(
        reading.log, source.process, mark=mark, store=reading._store, evidence=tmp_path
    )
    for slot in range(3):
        said = copy.keep(
            Evidence(ForkError.code, source.url, source.process, slot, None, "this", "that")
        )
        assert [file.name for file in tmp_path.iterdir()] == [said]


def test_a_process_is_copied_or_placed_here_and_not_both_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the writer has still to write, no look at the log or the marks can tell."""
    source = held(Variant.NATIVE, 2)

    async def main() -> None:
        async with running(tmp_path, open_source=lambda url, process: source) as node:
            reading = asyncio.ensure_future(node.catch_up(source.process, hint=source.url))
            await source.came.wait()
            with pytest.raises(UnavailableError, match="is being copied"):
                await post(node, spawn(Variant.NATIVE, "followed"))
            source.may_go.set()
            assert await reading is None, "nobody has signed it: it is not copied"
            assert (await post(node, spawn(Variant.NATIVE, "followed"))).slot == 0
            mark = FollowMark(source.url, is_hinted=False)
            monkeypatch.setattr(CatchUp, "_source_of", lambda *_: mark)
            asked = source.asked
            assert await node.catch_up(source.process) is None
            assert source.asked == asked, "it has its server here"

    asyncio.run(main())


def test_who_closes_ends_what_is_fetched(tmp_path: Path) -> None:
    async def main() -> None:
        source = held(Variant.NATIVE, 2)
        reading = Reading(tmp_path, source)
        waiting = asyncio.ensure_future(reading.catch_up(source.process))
        await source.came.wait()
        await reading.catch_up.close()
        assert await waiting is None
        assert reading.records(source) == []

    asyncio.run(main())


def test_a_fetch_that_takes_too_long_leaves_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UPS_MAX", 1)

    async def main() -> None:
        one, two = held(Variant.NATIVE, 2), held(Variant.HYPERBEAM, 2)
        reading = Reading(tmp_path, one, two)
        waiting = asyncio.ensure_future(reading.catch_up(one.process))
        await one.came.wait()
        fetch = reading.catch_up._fetches[one.process].task
        reading.clock.advance(CATCH_UP_FETCH_DEADLINE_MS)
        assert await waiting is None
        await asyncio.wait([fetch])
        two.may_go.set()
        assert await reading.catch_up(two.process) == 1
        with pytest.raises(DeadlineExceededError):
            await reading.catch_up(one.process)

    asyncio.run(main())


def test_strangers_never_take_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UPS_MAX", 2)
    monkeypatch.setattr(catch_up, "CATCH_UPS_HINTED_MAX", 1)

    async def main() -> None:
        one, two, ours = (held(variant, 2) for variant in Variant)
        reading = Reading(tmp_path, ours, hinted=(one, two))
        waiting = asyncio.ensure_future(reading.catch_up(one.process, one.url))
        await one.came.wait()
        assert await reading.catch_up(two.process, two.url) is None
        assert two.asked == 0
        ours.may_go.set()
        assert await reading.catch_up(ours.process) == 1
        await reading.catch_up.close()
        assert await waiting is None

    asyncio.run(main())


def test_a_source_that_has_failed_has_a_pause_and_is_found_out_anew(tmp_path: Path) -> None:
    """What it serves may be another thing by then: its node may have been replaced."""

    async def main() -> None:
        source = source_of(drafts_of(Variant.NATIVE, 2))
        source.away = 1
        reading = Reading(tmp_path, source)
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await reading.catch_up(source.process)
        assert source.asked == 1
        reading.clock.advance(CATCH_UP_PAUSE_MS)
        assert await reading.catch_up(source.process) == 1
        assert reading.opened == 2

    asyncio.run(main())


def test_a_wrong_hint_holds_up_no_right_one(tmp_path: Path) -> None:
    async def main() -> None:
        source = source_of(drafts_of(Variant.HYPERBEAM, 2))
        reading = Reading(tmp_path, hinted=[source])
        source.away = 1
        assert await reading.catch_up(source.process, source.url) is None
        source.url = "http://right.example"
        source.away = 1
        await reading.catch_up(source.process, source.url)
        assert source.asked == 2

    asyncio.run(main())


def test_no_more_failures_are_remembered_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "CATCH_UP_FAILURES_MAX", 1)

    async def main() -> None:
        sources = [source_of(drafts_of(variant, 2)) for variant in Variant]
        reading = Reading(tmp_path, *sources)
        for source in sources:
            source.away = 1
            with pytest.raises(UnavailableError):
                await reading.catch_up(source.process)
        assert await reading.catch_up(sources[0].process) == 1, "the oldest one is forgotten"
        with pytest.raises(UnavailableError):
            await reading.catch_up(sources[-1].process)

    asyncio.run(main())


def test_a_node_that_stops_begins_no_fetch_and_keeps_no_reader(tmp_path: Path) -> None:
    async def main() -> None:
        source, other = held(Variant.NATIVE, 2), held(Variant.HYPERBEAM, 2)
        for each in (source, other):
            async with open_followed(tmp_path, each.process, url=each.url, now_ms=1):
                pass
        opened = {each.process: each for each in (source, other)}
        async with running(tmp_path, open_source=lambda url, process: opened[process]) as node:
            waiting = asyncio.ensure_future(node.catch_up(source.process))
            await source.came.wait()
            node.refuse_new_work()
            assert await waiting is None
            assert await node.catch_up(other.process) is None
            assert other.asked == 0

    asyncio.run(main())
