"""What may come together in one slot of a queue, or one after the other around a restart."""

from __future__ import annotations

import pytest

from seriatim.actors.queue.commands import (
    Cancel,
    Change,
    Claimed,
    Done,
    Failed,
    Printed,
    Purge,
    Released,
    Remove,
    Report,
    Reprioritise,
    Retry,
    Submitted,
)
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.job import Spec
from seriatim.formats.jobs.job_id import make_job_id
from seriatim.formats.jobs.rows import job_path
from seriatim.formats.jobs.spec import Asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_EVENTS_MAX
from tests.support.lines import lines_of
from tests.support.stepped_queue import QUEUE, START_MS, Fate, SteppedQueue, claim, submit


@pytest.fixture
def queue() -> SteppedQueue:
    return SteppedQueue()


def test_an_id_is_free_in_the_slot_that_forgets_it(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    queue.do(Cancel("one", "as told"))
    answers = queue.batch(Remove("one"), submit({"id": "one", "args": [2]}), submit({"id": "two"}))
    assert answers[1:] == [[Submitted("one", repeated=False)], [Submitted("two", repeated=False)]]
    queue.restart()
    assert queue.job("one").state is JobState.PENDING
    assert queue.job("one").order < queue.job("two").order
    assert queue.rows() == queue.replayed()


def test_what_is_retried_in_the_slot_that_has_ended_it_has_not_ended(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    queue.batch(Cancel("one", "as told"), Retry("one"))
    assert queue.job("one").state is JobState.PENDING
    assert queue.ended == []


def test_a_retry_says_where_the_job_is_now(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    queue.do(Cancel("one", "as told"))
    assert queue.do(Retry("one")) is JobState.PENDING


def test_a_job_that_nobody_has_submitted_is_waited_for_after_a_retry_too(
    queue: SteppedQueue,
) -> None:
    queue.submit({"id": "child", "after": ["parent"]})
    queue.do(Cancel("child", "as told"))
    assert queue.do(Retry("child")) is JobState.BLOCKED
    queue.restart()
    queue.submit({"id": "parent"})
    assert [each.id for each in queue.lease(room=9)] == ["parent"]


def test_a_retry_does_not_wait_for_what_nobody_can_submit_any_more(queue: SteppedQueue) -> None:
    parent = make_job_id(START_MS, bytes(10))
    queue.submit({"id": parent})
    queue.submit({"id": "child", "after": [parent]})
    queue.do(Cancel("child", "as told"))
    queue.do(Cancel(parent, "as told"))
    queue.do(Remove(parent))
    assert queue.do(Retry("child")) is JobState.PENDING


def test_children_are_told_in_one_order_before_and_after_a_restart(queue: SteppedQueue) -> None:
    queue.submit(
        {"id": "parent"}, {"id": "x", "after": ["parent"]}, {"id": "y", "after": ["parent"]}
    )
    queue.do(Cancel("x", "as told"))
    queue.do(Retry("x"))
    queue.restart()
    queue.do(Cancel("parent", "as told"))
    assert queue.rows() == queue.replayed()


def test_a_lease_that_was_given_back_is_on_disk_what_it_is_in_memory(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    [grant] = queue.lease()
    queue.do(Report("w", [Released("one", grant.token)]))
    queue.restart()
    assert queue.job("one").token == grant.token
    queue.do(Cancel("one", "as told"))
    assert queue.rows() == queue.replayed()


def test_a_stop_is_not_meant_for_the_next_attempt(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    [grant] = queue.lease("w")
    queue.do(Cancel("one", "as told"))
    failed = Failed("one", grant.token, "cancelled", "it was told to", {})
    queue.batch(Report("w", [failed]), Retry("one"))
    assert queue.job("one").state is JobState.PENDING
    answer = queue.claim("w").answer
    assert isinstance(answer, Claimed)
    assert [each.id for each in answer.grants] == ["one"]
    assert answer.stops == {}


def command(job: str) -> Asked:
    spec: Spec = {"command": ["true"]}
    return Asked(job, "program", spec)


def test_a_command_behind_one_that_was_cancelled_has_its_turn(queue: SteppedQueue) -> None:
    queue.batch(submit()._replace(jobs=[command("one"), command("two")]))
    queue.do(Cancel("one", "as told"))
    assert [each.id for each in queue.lease(types=(), commands=True)] == ["two"]


def test_commands_have_their_turn_by_priority_as_everything_has(queue: SteppedQueue) -> None:
    queue.do(Change({"types": {"program": 9}}))
    queue.batch(submit()._replace(jobs=[command(each) for each in ("one", "two", "three")]))
    queue.do(Reprioritise("two", 5))
    queue.do(Reprioritise("one", -5))
    granted = [queue.lease(each, types=(), commands=True)[0].id for each in "uvw"]
    assert granted == ["two", "three", "one"]


def test_a_rate_wakes_for_its_type_whatever_holds_up_another_one(queue: SteppedQueue) -> None:
    rates = {"a": [1, 1_000], "b": [1, 60_000]}
    queue.do(Change({"rates": rates, "types": {"a": 9, "b": 9}}))
    job = {"type": "b", "lease_ms": 200_000}
    queue.submit({"id": "b1", **job}, {"id": "b2", **job})
    assert queue.lease(types=("b",))
    queue.submit({"id": "a1"})  # nobody who waits does those
    assert queue.claim("v", types=("b",)).answer is None
    assert queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms) == 60_000


def test_another_rate_begins_anew(queue: SteppedQueue) -> None:
    """A pace is in parts of a millisecond, and how many parts the rate says."""
    queue.do(Change({"rates": {"a": [10, 1_000]}, "types": {"a": 9}}))
    queue.submit({"id": "one"}, {"id": "two"}, {"id": "three"})
    queue.lease("u")
    queue.do(Change({"rates": {"a": [1, 1_000]}}))
    assert [each.id for each in queue.lease("v")] == ["two"]
    queue.do(Change({"rates": {"b": [1, 1_000]}}))
    assert queue.claim().answer is None, "the rate of a is what it was"


def test_nothing_is_half_submitted_where_a_row_is_damaged(queue: SteppedQueue) -> None:
    queue.submit({"id": "parent", "unique": "key"})
    queue.do(Cancel("parent", "as told"))
    queue.tree.put(job_path(QUEUE, JobState.CANCELLED, "parent"), b"{")
    queue.restart()
    for said in ({"id": "child", "after": ["parent"]}, {"id": "other", "unique": "key"}):
        with pytest.raises(StoreError, match="restore the data folder"):
            queue.machine.fold.job("parent")
        with pytest.raises(StoreError, match="restore the data folder"):
            queue.do(submit(said))


def test_nothing_is_looked_at_in_vain_all_the_time(queue: SteppedQueue) -> None:
    """What has ended and is wanted stays, however short anything is kept."""
    queue.do(Change({"kept_ms": 0}))
    queue.submit({"id": "parent"}, {"id": "late"})
    queue.submit({"id": "child", "after": ["parent", "late"], "inputs": ["parent"]})
    queue.do(Cancel("child", "as told"))
    [grant] = queue.lease()
    queue.submit({"id": "wants", "after": ["parent", "late"], "inputs": ["parent"]})
    queue.do(Report("w", [Released(grant.id, grant.token)]))
    queue.do(Retry("child"))
    waits = []
    for _ in range(5):
        queue.batch()
        wait_ms = queue.machine.wake_ms(queue.wall_ms, queue.monotonic_ms)
        waits.append(wait_ms)
        queue.pass_ms(wait_ms or 0)
    assert all(each is None or each > 0 for each in waits)


def test_the_same_claim_leases_nothing_twice(queue: SteppedQueue) -> None:
    queue.submit({"id": "one"})
    first = queue.lease("w")
    again = queue.do(claim("w"))
    assert again.answer is not None, "it has never heard of the first one"
    assert [each.attempt for each in again.answer.grants] == [1]
    assert again.answer.grants[0].token > first[0].token


def test_what_was_printed_goes_with_a_job_that_is_removed_in_the_slot_that_has_ended_it(
    queue: SteppedQueue,
) -> None:
    queue.submit({"id": "one"}, {"id": "two"})
    queue.do(Change({"types": {"a": 2}}))
    one, two = queue.lease(room=2)
    queue.do(Report("w", printed=[Printed("one", one.token, 0, b"before")]))
    again = Printed("one", one.token, 0, b"before")  # as after an outcome that nobody knows
    last = [again, Printed("one", one.token, 1, b"last"), Printed("two", two.token, 0, b"kept")]
    queue.batch(Report("w", [Done("one", one.token)], printed=last), Remove("one"))
    printed = {path[3].partition("~")[0] for path in queue.rows() if path[2] == "output"}
    assert printed == {"two"}


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.DOUBTFUL])
def test_a_slot_of_which_nobody_knows_takes_no_local_worker_along(
    queue: SteppedQueue, fate: Fate
) -> None:
    """The node goes on, and so does whoever lives with it."""
    queue.submit({"id": "one"})
    [grant] = queue.lease(is_local=True)
    for number in range(3):
        queue.batch(submit({"id": f"other-{number}", "type": "b"}), fate=fate)
        reported = queue.do(Report("w", held=[(grant.id, grant.token)]))
        assert not reported.lost
    assert queue.job("one").crashes == 0
    queue.restart()
    queue.batch()
    assert queue.job("one").crashes == 1, "with the node it ends"


def test_a_local_worker_that_came_in_the_first_slot_of_its_node_lives(queue: SteppedQueue) -> None:
    """Though that slot is in doubt, and read again as what the node has found."""
    queue.submit({"id": "one"})
    queue.restart()
    queue.batch(claim(is_local=True), fate=Fate.DOUBTFUL)
    queue.batch()
    assert (queue.job("one").state, queue.job("one").crashes) == (JobState.LEASED, 0)


def test_a_purge_ends_though_more_jobs_come(queue: SteppedQueue) -> None:
    first = [{"id": f"first-{number}"} for number in range(QUEUE_EVENTS_MAX + 1)]
    queue.submit(*first[:1_000])
    queue.submit(*first[1_000:])
    purged = queue.do(Purge(JobState.PENDING))
    assert (purged.cancelled, purged.left) == (QUEUE_EVENTS_MAX, 1)
    queue.submit({"id": "later"})
    purged = queue.do(Purge(JobState.PENDING, purged.last_slot))
    assert (purged.cancelled, purged.left) == (1, 0)
    assert queue.job("later").state is JobState.PENDING


def test_what_is_set_is_not_said_anew_in_each_slot() -> None:
    """It may name a thousand types."""
    queue = SteppedQueue()
    queue.do(Change({"rates": {f"t{number}": [2, 9] for number in range(1_000)}}))
    assert lines_of("formats/jobs/settings.py", lambda: queue.submit({"id": "one"})) < 50
    assert queue.rows() == queue.replayed()
