"""Several replicas behind one URL, some of them late: nobody is accused, and nothing is lost.

A source proves a gap with one reply that has a later slot and not the one before. Two replies that
do not fit together may come from two replicas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import ForkError, RewrittenError
from seriatim.formats.limits import FOLLOW_COMPARE_REQUESTS
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.page import PageEntry
from tests.support.copies import Copy
from tests.support.sources import ListSource, drafts_of, source_of

SLOTS = 9


class Balancer(ListSource):
    """Replicas that have as many slots as *lengths* say; *random* chooses who answers."""

    def __init__(
        self, process: bytes, records: list[Record], lengths: Sequence[int], random: Random
    ) -> None:
        super().__init__(process, records)
        self._whole = records
        self._lengths = lengths
        self._random = random

    async def last(self) -> int:
        self._turn()
        return await super().last()

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        self._turn()
        return await super().page(first, count)

    def _turn(self) -> None:
        self.records = self._whole[: self._random.choice(self._lengths)]


@pytest.mark.slow
def test_late_replicas_are_waited_for_and_never_accused(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, SLOTS))

    @given(
        lengths=st.lists(st.integers(1, SLOTS), max_size=3),
        page_slots=st.integers(1, 5),
        random=st.randoms(use_true_random=False),
    )
    def check(lengths: list[int], page_slots: int, random: Random) -> None:
        balancer = Balancer(source.process, source.records, [SLOTS, *lengths], random)
        copy = Copy(source.process, tmp_path / "evidence")
        for _ in range(200):
            copy.follow(balancer, page_slots=page_slots)
            if len(copy.records) == SLOTS:
                break
        assert copy.records == source.records
        assert {news.what for news in copy.news} <= {"page", "head", "behind"}
        assert not (tmp_path / "evidence").exists()

    check()


def test_a_page_that_ends_before_the_slot_that_was_said_is_behind(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 11))
    source.hidden = {8, 9, 10}
    copy = Copy(source.process, tmp_path / "evidence")
    copy.follow(source, page_slots=3)
    copy.follow(source, page_slots=3)
    assert copy.records == source.records[:8]
    assert copy.news[-1].what == "behind"
    assert not (tmp_path / "evidence").exists()
    source.hidden = set()
    copy.follow(source)
    assert copy.records == source.records


def test_a_source_that_has_no_slot_at_all_is_behind(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 3))
    whole = source.records
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    source.records = []
    copy.follow(source)
    assert copy.news[-1].what == "behind"
    source.records = whole
    copy.follow(source)
    assert copy.news[-1].what == "head"


@pytest.mark.parametrize("slot", range(SLOTS - 1))
def test_another_past_is_seen_as_soon_as_one_of_its_slots_is_drawn(
    slot: int, tmp_path: Path
) -> None:
    """``ao.N.1`` chains over messages: another timestamp leaves all later slots as they are."""
    drafts = drafts_of(Variant.HYPERBEAM, SLOTS)
    source = source_of(drafts)
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    late = [*drafts]
    late[slot] = drafts[slot]._replace(timestamp_ms=drafts[slot].timestamp_ms + 1)
    other = source_of(late)
    copy.drawn = [each for each in range(SLOTS - 1) if each != slot]
    for _ in range(SLOTS - 2):
        copy.follow(other)
    copy.drawn = [slot]
    found = copy.finding(other, ForkError, slot)
    assert found["stored"]["timestamp"] != found["received"]["timestamp"]


def test_a_follower_that_goes_on_draws_again_from_time_to_time(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.NATIVE, SLOTS))
    copy = Copy(source.process, tmp_path)
    copy.drawn = [2]

    async def main() -> None:
        follower = copy.follower(source)
        await follower.run(once=True)
        assert copy.drawn == []
        source.tampers[4] = lambda plain: plain.update(timestamp=plain["timestamp"] + 1)
        copy.drawn = [4]
        for _ in range(FOLLOW_COMPARE_REQUESTS):
            await follower.run(once=True)

    with pytest.raises(RewrittenError):
        asyncio.run(main())
