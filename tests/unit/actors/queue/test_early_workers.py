"""A worker may come before its queue: it waits, and a slip of the pen leaves no trace."""

from __future__ import annotations

import asyncio

import pytest

from seriatim.actors.queue.commands import Change, Claim, Claimed, Report
from seriatim.formats.errors import MalformedError, StoppingError
from tests.support.queue_life import QUEUE, QueueLife
from tests.support.statuses import status_of
from tests.support.waiting import until_idle

pytestmark = pytest.mark.asyncio

HOUR_MS = 3_600_000


async def test_a_claim_waits_for_its_queue_and_has_the_first_job_of_it() -> None:
    life = QueueLife()
    claim = life.claim()
    await until_idle()
    life.clock.advance(milliseconds=HOUR_MS - 2)
    await until_idle()
    assert life.queues.names == []
    await life.submit({"id": "one"})
    assert [each.id for each in (await claim).grants] == ["one"]


async def test_a_claim_waits_no_longer_for_queue_and_job_together_than_it_said() -> None:
    life = QueueLife()
    claim = life.claim()
    await until_idle()
    life.clock.advance(milliseconds=HOUR_MS - 2)
    await life.queues.change(QUEUE, Change({}))
    await until_idle()
    assert not claim.done()
    life.clock.advance(milliseconds=2)
    assert await claim == Claimed((), {})


async def test_what_waits_in_vain_leaves_nothing() -> None:
    life = QueueLife()
    claims = [life.claim(), life.claim("v")]
    await until_idle()
    claims.pop().cancel()
    life.clock.advance(milliseconds=HOUR_MS)
    assert await claims.pop() == Claimed((), {})
    await until_idle()
    assert (life.queues.names, life.queues._made._waiting) == ([], {})


async def test_nobody_waits_for_a_queue_when_the_node_stops() -> None:
    life = QueueLife()
    claims = [life.claim(), life.claim("v")]
    await until_idle()
    life.queues.release()
    assert await claims.pop() == Claimed((), {})
    assert await life.claim("u") == Claimed((), {})
    life = QueueLife()
    claim = life.claim()
    await until_idle()
    await life.queues.close()
    with pytest.raises(StoppingError):
        await claim


async def test_a_queue_that_there_cannot_be_is_not_waited_for() -> None:
    life = QueueLife()
    nothing = Claim("w", frozenset("a"), commands=False, room=1)
    with pytest.raises(MalformedError):
        await life.queues.claim("no name", nothing, wait_ms=HOUR_MS)


async def test_a_worker_that_waits_for_its_queue_is_known_by_its_beats_and_can_be_drained() -> None:
    life = QueueLife()
    heard: list[str] = []
    life.queues.on_status = lambda status: heard.append(status.worker)
    beat = Report("w", status=status_of("w")._replace(queue=QUEUE))
    assert not (await life.queues.report(QUEUE, beat)).drain
    await life.queues.wishes.drain("w", lambda _: True)
    assert (await life.queues.report(QUEUE, beat)).drain
    assert heard == ["w", "w"]
    claim = Claim("w", frozenset("a"), commands=False, room=1)
    assert (await asyncio.wait_for(life.queues.claim(QUEUE, claim, wait_ms=0), 1)).drain
    assert life.queues.names == []
