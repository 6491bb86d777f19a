"""Who no longer waits for a claim has withdrawn it: nothing is granted that nobody hears of."""

from __future__ import annotations

import asyncio

import pytest

from seriatim.actors.queue.commands import Change, Claim, Claimed
from tests.support.queue_life import QUEUE, QueueLife
from tests.support.simulated_disk import Fate
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio


async def test_a_claim_that_waits_is_withdrawn_with_whoever_waits() -> None:
    life = QueueLife()
    await life.queues.change(QUEUE, Change({}))
    claim = life.claim("gone")
    await until_idle()
    claim.cancel()
    await life.submit({"id": "one"})
    await until_idle()
    assert life.states() == {"pending": 1}
    [grant] = (await life.claim("here")).grants
    assert (grant.id, grant.attempt) == ("one", 1)


async def test_a_claim_that_nobody_has_looked_at_yet_is_withdrawn() -> None:
    life = QueueLife()
    await life.submit({"id": "one"})
    life.fates.append(Fate.SLOW)
    busy = life.submit({"id": "two"})
    await until(lambda: life.writer.slow == 1)
    claim = life.claim("gone")
    await until_idle()
    claim.cancel()
    await until_idle()
    life.writer.catch_up(1)
    await busy
    await until_idle()
    assert life.states() == {"pending": 2}


async def test_what_was_granted_before_somebody_has_gone_is_given_back_untouched() -> None:
    life = QueueLife()
    await life.submit({"id": "one"})
    life.fates.append(Fate.SLOW)
    claim = life.claim("gone")
    await until(lambda: life.writer.slow == 1)
    claim.cancel()
    await until_idle()
    life.writer.catch_up(1)
    [grant] = (await life.claim("here")).grants
    assert (grant.id, grant.attempt) == ("one", 1)


async def test_a_claim_that_is_withdrawn_when_the_node_stops_is_no_matter() -> None:
    life = QueueLife()
    await life.submit({"id": "one"})
    life.fates.append(Fate.SLOW)
    claim = life.claim("gone")
    await until(lambda: life.writer.slow == 1)
    closing = asyncio.ensure_future(life.queues.close())
    await until_idle()
    claim.cancel()
    await until_idle()
    life.writer.catch_up(1)
    await closing
    assert life.states() == {"leased": 1}


async def test_a_claim_that_does_not_wait_is_answered_behind_what_it_gives_back() -> None:
    """However late it is: a worker that ends says so what it has never heard of."""
    life = QueueLife()
    await life.submit({"id": "one"})
    await life.claim("w")
    claim = Claim("w", frozenset("a"), commands=False, room=0)
    assert await life.queues.claim(QUEUE, claim, wait_ms=0) == Claimed((), {})
    assert life.states() == {"pending": 1}
    wanting = claim._replace(room=1)
    assert len((await life.queues.claim(QUEUE, wanting, wait_ms=0)).grants) == 1
    assert await life.queues.claim(QUEUE, wanting._replace(worker="v"), wait_ms=0) == Claimed(
        (), {}
    )
