"""What becomes of a job that a worker has when its deadline is over: whatever the worker does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seriatim.actors.queue.commands import Cancel, Ended, Failed, Released, Report
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_LEASE_DEFAULT_MS
from tests.support.stepped_queue import START_MS, SteppedQueue, claim

DEADLINE_MS = 1_000


def leased(*, is_local: bool = False) -> tuple[SteppedQueue, int]:
    """Return a queue with a job of a worker, which has a deadline, and the token of its lease."""
    queue = SteppedQueue()
    queue.submit({"id": "one", "deadline_ms": START_MS + DEADLINE_MS})
    waiter = queue.do(claim()._replace(is_local=is_local))
    return queue, waiter.answer.grants[0].token


def pass_deadline(queue: SteppedQueue) -> None:
    queue.pass_ms(DEADLINE_MS)
    queue.batch()


def code_of(queue: SteppedQueue) -> tuple[JobState, str]:
    job = queue.job("one")
    assert job.failures is not None
    assert queue.rows() == queue.replayed()
    return job.state, job.failures[-1].code


def test_its_worker_is_lost() -> None:
    queue, _ = leased()
    pass_deadline(queue)
    queue.pass_ms(JOB_LEASE_DEFAULT_MS)
    queue.batch()
    assert code_of(queue) == (JobState.FAILED, "overdue")
    reason = (queue.job("one").failures or [])[-1].reason
    assert "deadline" in reason
    assert "was not heard of" in reason


def test_its_worker_ends_with_the_node() -> None:
    queue, _ = leased(is_local=True)
    pass_deadline(queue)
    queue.restart()
    queue.batch()
    assert code_of(queue) == (JobState.FAILED, "overdue")


STOPPED: list[Callable[[int], Ended]] = [
    lambda token: Failed("one", token, "cancelled", "it was told to", {}),
    lambda token: Failed("one", token, "crashed", "it was killed", {}, is_crash=True),
    lambda token: Released("one", token),
    lambda token: Released("one", token, has_begun=True),
]


@pytest.mark.parametrize("ended", STOPPED)
def test_its_worker_says_something(ended: Callable[[int], Ended]) -> None:
    queue, token = leased()
    pass_deadline(queue)
    queue.do(Report("w", [ended(token)]))
    assert code_of(queue) == (JobState.FAILED, "overdue")


def test_its_worker_has_never_heard_of_it() -> None:
    queue, _ = leased()
    pass_deadline(queue)
    queue.claim("w")
    assert code_of(queue) == (JobState.FAILED, "overdue")


@pytest.mark.parametrize("ended", STOPPED)
def test_before_its_deadline_it_is_cancelled_by_who_wants_it_no_more(
    ended: Callable[[int], Ended],
) -> None:
    queue, token = leased()
    queue.do(Cancel("one", "as told"))
    queue.do(Report("w", [ended(token)]))
    assert queue.job("one").state is JobState.CANCELLED


def test_one_that_waits_for_another_attempt_is_cancelled_in_none() -> None:
    """It was blamed on the worker that had it last."""
    queue = SteppedQueue()
    queue.submit({"id": "one", "retries": 3})
    [grant] = queue.lease()
    queue.do(Report("w", [Failed("one", grant.token, "raised", "no", {})]))
    queue.do(Cancel("one", "as told"))
    failures = queue.job("one").failures or []
    found = [(each.code, each.attempt, each.token, each.worker) for each in failures]
    assert found == [("raised", 1, grant.token, "w"), ("cancelled", 0, 0, "")]
    assert queue.rows() == queue.replayed()
