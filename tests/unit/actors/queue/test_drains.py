"""Draining a worker: what is kept of the wish, what it stops, and when it is forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.queue.commands import Change, Claim, Claimed, Done, Held, Report
from seriatim.actors.queue.queues import Queues
from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.jobs.rows import DRAINS
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.limits import BEATS_KEPT_MS
from tests.support.running_node import running
from tests.support.statuses import status_of
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio

Q = "default"


async def submit(queues: Queues, job: str) -> None:
    await queues.submit(Q, [read_asked({"id": job, "type": "render"})])


def claiming(
    queues: Queues, worker: str, *held: Held, wait_ms: int = BEATS_KEPT_MS
) -> asyncio.Future[Claimed]:
    claim = Claim(worker, frozenset({"render"}), commands=False, room=4, held=held)
    return asyncio.ensure_future(queues.claim(Q, claim, wait_ms=wait_ms))


def hear_of(queues: Queues, worker: str) -> None:
    queues.on_status(status_of(worker, 1)._replace(queue=Q))


def leave(worker: str) -> Report:
    return Report(worker, status=status_of(worker, 2)._replace(has_left=True))


async def test_a_claim_that_waits_is_answered_and_what_comes_then_is_for_others(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as node:
        queues = node.queues
        assert queues is not None
        await submit(queues, "one")
        (grant,) = (await claiming(queues, "w")).grants
        held = (grant.id, grant.token)
        waiting = claiming(queues, "w", held)
        hear_of(queues, "w")
        await until_idle()
        await queues.drain("w")
        assert await waiting == Claimed((), {}, drain=True)
        await submit(queues, "two")
        assert await claiming(queues, "w", held, wait_ms=1) == Claimed((), {}, drain=True)
        done = Report("w", [Done(grant.id, grant.token)])
        assert await queues.report(Q, done) == ({}, [], {}, True)
        other = await claiming(queues, "v")
        assert ([each.id for each in other.grants], other.drain) == (["two"], False)


@pytest.mark.parametrize("turns", range(12))
async def test_nothing_is_granted_after_it_has_returned(tmp_path: Path, turns: int) -> None:
    """Not by a claim that waits, and not by one that comes while it is on its way."""
    async with running(tmp_path) as node:
        queues = node.queues
        assert queues is not None
        hear_of(queues, "w")
        await queues.change(Q, Change({}))
        waiting = claiming(queues, "w")
        await until_idle()
        draining = asyncio.ensure_future(queues.drain("w"))
        for _ in range(turns):
            await asyncio.sleep(0)
        late = claiming(queues, "w")
        await draining
        await submit(queues, "one")
        assert "granted" not in queues.tallies[Q].events
        queues.release()
        assert [each.grants for each in await asyncio.gather(waiting, late)] == [(), ()]


async def test_the_wish_outlives_the_node_and_ends_when_the_worker_has_left(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as node:
        assert node.queues is not None
        await submit(node.queues, "one")
        hear_of(node.queues, "w")
        await node.queues.drain("w")
        await node.queues.drain("w")  # the same again is the same
    async with running(tmp_path) as node:
        queues = node.queues
        assert queues is not None
        assert await claiming(queues, "w", wait_ms=1) == Claimed((), {}, drain=True)
        assert (await queues.report(Q, leave("w"))).drain is False
        (grant,) = (await claiming(queues, "w")).grants
        assert grant.id == "one"
    async with running(tmp_path) as node:
        assert node.queues is not None
        assert not node.queues.wishes.drains("w")


async def test_of_who_is_not_heard_of_nothing_more_is_wanted(tmp_path: Path) -> None:
    """So there are never more wishes than workers."""
    async with running(tmp_path) as node:
        queues = node.queues
        assert queues is not None
        for worker in ("a", "b"):
            hear_of(queues, worker)
            await queues.drain(worker)
        queues.on_status(status_of("a", 2)._replace(has_left=True))  # by a report that has failed
        hear_of(queues, "c")
        await queues.drain("c")
        assert list(queues.reader._tree.list(DRAINS, limit=9)) == ["b", "c"]
        assert [queues.wishes.drains(each) for each in "abc"] == [False, True, True]


async def test_who_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as node:
        queues = node.queues
        assert queues is not None
        with pytest.raises(NotFoundError, match="no worker w here"):
            await queues.drain("w")
        with pytest.raises(MalformedError, match="worker: expected"):
            await queues.drain("no worker")
        hear_of(queues, "w")
        await queues.drain("w")  # though nobody has made its queue
        assert queues.wishes.drains("w")
        queues.on_status(status_of("w", 3)._replace(has_left=True))
        await until(lambda: queues.last_beat("w") is None)
        with pytest.raises(NotFoundError):
            await queues.drain("w")


async def test_two_changes_of_flags_at_once_are_both_made(tmp_path: Path) -> None:
    async with running(tmp_path) as node:
        assert node.queues is not None
        wishes = node.queues.wishes
        await asyncio.gather(wishes.change_flags(stop=True), wishes.change_flags(terminate=True))
        assert wishes.flags == (True, True)
    async with running(tmp_path) as node:
        assert node.queues is not None
        assert node.queues.wishes.flags == (True, True)
