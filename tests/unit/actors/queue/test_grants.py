"""What a worker is granted at once is bounded, so that every worker can read it."""

from __future__ import annotations

import pytest

from seriatim.actors.queue.commands import Change, Claimed, Done, Report
from seriatim.actors.queue.plain import claimed_to_plain
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    CLAIM_JOBS_MAX,
    CLAIM_MAX_BYTES,
    CLIENT_REPLY_MAX_BYTES,
    COMMAND_MAX_BYTES,
    JOB_INPUTS_MAX_BYTES,
    JOB_RESULT_MAX_BYTES,
)
from tests.support.stepped_queue import SteppedQueue, submit

MANY = JOB_INPUTS_MAX_BYTES // JOB_RESULT_MAX_BYTES
LARGE = b'"%s"' % (b"x" * (JOB_RESULT_MAX_BYTES - 2))


@pytest.fixture
def queue() -> SteppedQueue:
    """A queue in which as many jobs are done as one may have inputs, and one more: ``p0``, …."""
    queue = SteppedQueue()
    queue.do(Change({"types": {"a": MANY + 1}}))
    queue.submit(*({"id": f"p{number}"} for number in range(MANY + 1)))
    grants = queue.lease(room=MANY + 1)
    large = [Done(each.id, each.token, LARGE) for each in grants if each.id != f"p{MANY}"]
    queue.do(Report("w", large))
    queue.do(Report("w", [Done(f"p{MANY}", grants[0].token, b"1")]))
    return queue


def wants(job: str, count: int) -> dict[str, object]:
    """Return a job that wants so many of the results."""
    parents = [f"p{number}" for number in range(count)]
    return {"id": job, "after": parents, "inputs": parents}


def test_a_job_has_as_much_of_inputs_as_it_may(queue: SteppedQueue) -> None:
    queue.submit(wants("most", MANY))
    [grant] = queue.lease()
    assert sum(map(len, grant.inputs.values())) == JOB_INPUTS_MAX_BYTES
    answer = dump_json(claimed_to_plain(Claimed([grant], {})))
    assert len(answer) < CLIENT_REPLY_MAX_BYTES


def test_one_with_more_fails_and_is_not_granted_in_a_circle(queue: SteppedQueue) -> None:
    queue.submit(wants("more", MANY + 1), {"id": "next"})
    assert [each.id for each in queue.lease()] == ["next"]
    job = queue.job("more")
    assert (job.state, job.attempt) == (JobState.FAILED, 0)
    [failure] = job.failures or []
    assert failure.code == "too_large"
    assert str(JOB_INPUTS_MAX_BYTES) in failure.reason
    assert queue.rows() == queue.replayed()


def test_what_waits_for_it_is_granted_to_who_waits_already(queue: SteppedQueue) -> None:
    """Also to a worker that was looked at before: nothing else would wake it."""
    first, second = queue.claim("v", types=("b",)), queue.claim("w")
    last = {"id": "last", "type": "b", "after": [["more", "run"]]}
    queue.submit(wants("more", MANY + 1), last)
    assert first.answer is not None
    assert [each.id for each in first.answer.grants] == ["last"]
    assert second.answer is None


def test_commands_count_towards_what_a_claim_is_answered() -> None:
    queue = SteppedQueue()
    queue.do(Change({"types": {"c": CLAIM_JOBS_MAX}}))
    command = {"argv": ["true", *["x" * 100_000] * (COMMAND_MAX_BYTES // 100_000)]}
    for _ in range(CLAIM_JOBS_MAX):
        queue.do(submit({"type": "c", "command": command, "id": f"c{len(queue.slots)}"}))
    grants = queue.lease(room=CLAIM_JOBS_MAX, types=(), commands=True)
    answer = dump_json(claimed_to_plain(Claimed(grants, {})))
    assert CLAIM_MAX_BYTES <= len(answer) < CLAIM_MAX_BYTES + 2 * COMMAND_MAX_BYTES


def test_a_worker_that_is_silent_is_granted_nothing_before_it_asks_again() -> None:
    """Its claim waits at the node, whatever has become of it: it got the job time after time."""
    queue = SteppedQueue()
    queue.submit({"id": "one", "lease_ms": 1_000})
    queue.lease("gone", room=2)
    waiting = queue.claim("gone", room=2, held=[("one", queue.job("one").token)])
    queue.pass_ms(999)
    queue.batch()
    assert len(queue.machine.waiting) == 1
    queue.pass_ms(1)
    queue.batch()
    assert waiting.answer == Claimed((), {})
    assert queue.job("one").state is JobState.PENDING
    [grant] = queue.lease("gone")
    assert (grant.id, grant.attempt) == ("one", 2)
