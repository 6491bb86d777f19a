"""A follower that has all there is waits: by pauses, or at a source that says what is new."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.follow.follower import News
from seriatim.formats.errors import ForkError, MalformedError, TamperedError, UnavailableError
from seriatim.formats.schedule.variant import Variant
from tests.support.copies import Copy
from tests.support.sources import drafts_of, forked, source_of
from tests.support.waiting import until_idle


def test_a_source_that_is_away_is_waited_for_with_longer_pauses(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 6))
    whole = source.records
    source.records = whole[:2]
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        following = asyncio.create_task(copy.follower(source).run(once=False))
        await until_idle()
        source.away = 6
        for wait_ms in (250, 500, 1_000, 2_000, 4_000, 5_000, 5_000):
            assert copy.news[-1].wait_ms == wait_ms
            copy.clock.advance(wait_ms - 1)
            asked = source.asked
            await until_idle()
            assert source.asked == asked, "too early"
            copy.clock.advance(1)
            await until_idle()
            if source.away == 0:
                break
        assert [each.what for each in copy.news[-6:]] == ["away"] * 6
        assert copy.news[-1].reason == "nobody is there"
        source.records = whole
        copy.clock.advance(5_000)
        await until_idle()
        assert copy.news[-1] == News("head", 6, "", 250), "the pause starts again"
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
        assert copy.clock.due_ms() is None, "no timer is left"

    asyncio.run(main())
    assert copy.records == whole


def test_a_source_that_waits_is_not_polled(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 6))
    whole = source.records
    source.records = whole[:2]
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        source.arrivals = asyncio.Event()
        following = asyncio.create_task(copy.follower(source).run(once=False))
        for slots in range(2, 6):
            await until_idle()
            assert copy.news[-1].what == "head"
            assert source.waited == list(range(2, slots + 1))
            assert copy.clock.due_ms() is None, "nothing but the source wakes it"
            source.records = whole[: slots + 1]
            source.arrivals.set()
        await until_idle()
        assert copy.records == whole
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following

    asyncio.run(main())


def test_a_source_that_waits_in_vain_is_asked_again_after_the_shortest_pause(
    tmp_path: Path,
) -> None:
    """Also one that says that it waits, and answers at once: it is not asked in a hot loop."""
    source = source_of(drafts_of(Variant.LEGACY, 2))
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        source.arrivals = asyncio.Event()
        following = asyncio.create_task(copy.follower(source).run(once=False))
        for times in range(1, 5):
            await until_idle()
            assert source.waited == [2] * times
            source.arrivals.set()
            await until_idle()
            assert source.waited == [2] * times, "there is a pause"
            assert copy.clock.due_ms() == copy.clock.monotonic_ms() + 250
            copy.clock.advance(250)
        following.cancel()

    asyncio.run(main())


def test_a_source_that_goes_away_while_it_waits_is_waited_for(tmp_path: Path) -> None:
    source, other = forked(Variant.LEGACY, 3, 6)
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        source.arrivals = asyncio.Event()
        following = asyncio.create_task(copy.follower(source).run(once=False))
        await until_idle()
        source.away = 1
        source.arrivals.set()
        await until_idle()
        copy.clock.advance(250)
        await until_idle()
        assert source.waited == [6, 6], "it is there again"
        source.away, source.records = 1, other.records
        source.arrivals.set()
        await until_idle()
        copy.clock.advance(500)
        await following

    with pytest.raises(ForkError):
        asyncio.run(main())


def test_a_source_that_goes_away_before_a_doubt_is_explained_is_waited_for(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 6))
    whole = source.records
    source.records = whole[:3]
    copy = Copy(source.process, tmp_path)

    chains = ["A" * 43]

    def tamper_and_go(plain: dict[str, Any]) -> None:
        if chains:
            plain["hash-chain"] = chains.pop()
            source.away = 1

    async def main() -> None:
        source.arrivals = asyncio.Event()
        following = asyncio.create_task(copy.follower(source).run(once=False))
        await until_idle()
        source.tampers[3] = tamper_and_go
        source.records = whole
        source.arrivals.set()
        await until_idle()
        assert not following.done(), "the last slot could not be looked at"
        copy.clock.advance(250)
        await until_idle()
        assert copy.records == whole, "who came back has the right one"
        following.cancel()

    asyncio.run(main())


def test_what_arrives_is_verified(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 6))
    whole = source.records
    source.records = whole[:3]
    source.tampers[3] = lambda plain: plain.update({"hash-chain": "A" * 43})
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        source.arrivals = asyncio.Event()
        following = asyncio.create_task(copy.follower(source).run(once=False))
        await until_idle()
        source.records = whole
        source.arrivals.set()
        await following

    with pytest.raises(TamperedError):
        asyncio.run(main())
    assert copy.records == whole[:3]


@pytest.mark.parametrize(
    "failure", [UnavailableError("gone"), MalformedError("a page of what stands before it")]
)
def test_what_is_no_answer_of_a_source_is_waited_out(tmp_path: Path, failure: Exception) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 3))
    source.away, source.failure = 2, failure
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        following = asyncio.create_task(copy.follower(source).run(once=False))
        for _ in range(3):
            await until_idle()
            copy.clock.advance(5_000)
        following.cancel()
        assert [news.what for news in copy.news[:2]] == ["away", "away"]
        assert str(failure) == copy.news[0].reason
        assert copy.records == source.records

    asyncio.run(main())
    source.away = 1
    with pytest.raises(type(failure)):
        copy.follow(source)


def test_who_comes_back_is_compared_first(tmp_path: Path) -> None:
    source, other = forked(Variant.LEGACY, 3, 6)
    copy = Copy(source.process, tmp_path)

    async def main() -> None:
        following = asyncio.create_task(copy.follower(source).run(once=False))
        await until_idle()
        source.away, source.records = 1, other.records
        copy.clock.advance(250)
        await until_idle()
        assert copy.news[-1].what == "away"
        copy.clock.advance(500)
        await following

    with pytest.raises(ForkError):
        asyncio.run(main())
