"""Taking the next job is as much work among ten thousand types or keys as among a few."""

from __future__ import annotations

from functools import partial

import pytest

from seriatim.actors.queue.commands import Cancel, Change, Done, Report
from tests.support.lines import lines_of
from tests.support.stepped_queue import SteppedQueue

MANY = 10_000
A_BATCH = 1_000


calls_of = partial(lines_of, "actors/queue/lanes.py")


def filled(**said: str) -> SteppedQueue:
    """Return a queue with many jobs, each said with its own number in place of ``#``."""
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": MANY}, "resources": {"gpu": 1}}))
    for first in range(0, MANY, A_BATCH):
        queue.submit(
            *(
                {
                    "id": f"j{number}",
                    **{key: each.replace("#", str(number)) for key, each in said.items()},
                }
                for number in range(first, first + A_BATCH)
            )
        )
    return queue


@pytest.mark.slow
@pytest.mark.parametrize("said", [{"key": "k#"}, {"key": "same"}, {}, {"type": "t#"}])
def test_one_job_is_taken_among_many(said: dict[str, str]) -> None:
    queue = filled(**said)
    types = ("t0", "t1") if "type" in said else ("a",)
    for worker in ("u", "v"):
        lines = calls_of(partial(queue.claim, worker, types=types))
        assert lines < 2_000, lines


@pytest.mark.slow
def test_what_waits_for_a_token_is_looked_at_when_there_is_one_and_not_before() -> None:
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": MANY}, "resources": {"gpu": 1}}))
    for first in range(0, MANY, A_BATCH):
        jobs = range(first, first + A_BATCH)
        queue.submit(*({"id": f"j{n}", "takes": {"gpu": 1}, "key": f"k{n}"} for n in jobs))
    assert calls_of(lambda: queue.claim("u")) < 2_000
    # Each lane is looked at once, and parked; from then on nothing is.
    calls_of(lambda: queue.claim("v"))
    assert calls_of(lambda: queue.claim("w")) < 200


def test_workers_that_run_the_same_cost_no_look_each() -> None:
    """A thousand of them wait while every slot of some other type is made."""
    queue = SteppedQueue()
    for number in range(A_BATCH):
        queue.claim(f"w{number}", types=[f"t{kind}" for kind in range(10)])
    assert calls_of(lambda: queue.submit({"id": "other"})) < 200


@pytest.mark.slow
def test_what_is_cancelled_or_has_other_priorities_costs_what_it_costs_once() -> None:
    queue = filled(key="k#")
    for number in range(A_BATCH):
        queue.machine.begin(queue.wall_ms, 0)
        queue.machine.do(Cancel(f"j{number}", "as told"))
    assert [each.id for each in queue.lease("u")] == [f"j{A_BATCH}"]
    assert calls_of(lambda: queue.claim("v")) < 2_000


def test_no_lane_is_kept_that_is_empty() -> None:
    """Of keys there is no end."""
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": 2}}))
    for number in range(50):
        key = {"key": f"k{number}"}
        queue.submit({"id": f"run{number}", **key}, {"id": f"wait{number}", **key})
        [grant] = queue.lease("u")
        queue.machine.waiting.withdraw(queue.claim("v"))  # which parks the lane
        queue.do(Cancel(f"wait{number}", "as told"))
        queue.do(Report("u", [Done(grant.id, grant.token)]))
    assert queue.machine._lanes._kinds == {}
    assert not any(queue.machine._lanes._parked.values())


@pytest.mark.parametrize("said", [{"key": "k#"}, {}, {"type": "t#"}])
def test_what_nobody_asks_for_is_not_kept_when_it_has_ended(said: dict[str, str]) -> None:
    """Workers may be away for weeks, and what has a deadline ends all the same."""
    queue = SteppedQueue()
    queue.submit({"id": "kept", "priority": -1}, {"id": "taken", "priority": 1})
    for number in range(A_BATCH):
        own = {key: each.replace("#", str(number)) for key, each in said.items()}
        queue.submit({"id": f"j{number}", **own})
        queue.do(Cancel(f"j{number}", "as told"))
    kinds = queue.machine._lanes._kinds.values()
    lanes = [lane for kind in kinds for lane in kind.lanes.values()]
    assert len(kinds) <= len(lanes) <= sum(len(lane.jobs) for lane in lanes) < 200
    assert [each.id for each in queue.lease("u")] == ["taken"]
    queue.do(Change({"types": {"a": 2}}))
    assert [each.id for each in queue.lease("v")] == ["kept"]
