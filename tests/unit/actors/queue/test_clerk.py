"""The clerk: whatever becomes of a slot, everybody is answered, and nothing is given twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from seriatim.actors.queue import machine
from seriatim.actors.queue.commands import (
    Cancel,
    Claim,
    Command,
    Done,
    Purge,
    Remove,
    Report,
    Reprioritise,
    Retry,
)
from seriatim.actors.queue.lanes import Lanes
from seriatim.actors.queue.load import load_fold
from seriatim.actors.queue.machine import QueueMachine
from seriatim.actors.runtime.clock import Timer
from seriatim.formats.errors import (
    DeadlineExceededError,
    MalformedError,
    NotFoundError,
    OverloadedError,
    SchedulerError,
    StoppingError,
    StoreError,
    UnavailableError,
)
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.rows import head_path, job_path
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    ASK_DEADLINE_MS,
    JOB_LEASE_MIN_MS,
    JOB_REASON_MAX_CHARS,
    NODE_LATE_MS,
    QUEUE_COMMANDS_MAX,
    QUEUE_KEPT_DEFAULT_MS,
    QUEUE_PAUSE_MAX_MS,
    RETRY_AFTER_MS,
)
from seriatim.store.tree.tree import Tree
from seriatim.testing import VirtualClock
from tests.support.queue_life import QUEUE, QueueLife
from tests.support.simulated_disk import Fate
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio
STILL_MS = 10_000
T = TypeVar("T")


async def answer(asking: Awaitable[T]) -> T | SchedulerError:
    """Return the answer, or the refusal; there has to be one."""
    async with asyncio.timeout(20):
        try:
            return await asking
        except SchedulerError as error:
            return error


async def started() -> QueueLife:
    """Return a life whose queue is there, and loaded."""
    life = QueueLife()
    await life.submit({"id": "first"})
    return life


async def test_a_slot_that_has_failed_is_told_to_everybody_and_comes_again() -> None:
    life = await started()
    life.fates.append(Fate.FAILED)
    asking = [life.submit({"id": f"job-{n}"}) for n in range(3)]
    waiting = life.claim("v", room=0)
    answers = [await answer(each) for each in (*asking, waiting)]
    assert [type(each) for each in answers] == [UnavailableError] * 4
    assert life.states() == {"pending": 1}
    for number in range(3):
        await life.submit({"id": f"job-{number}"})
    assert life.states() == {"pending": 4}


async def test_a_slot_in_doubt_is_read_again_before_anything_else() -> None:
    life = await started()
    life.fates.append(Fate.DOUBTFUL)
    assert isinstance(await answer(life.submit({"id": "one"})), UnavailableError)
    [again] = await life.submit({"id": "one"})
    assert again.repeated, "it has come to disk after all"
    assert life.states() == {"pending": 2}


async def test_a_grant_in_doubt_is_not_given_to_a_second_worker() -> None:
    life = await started()
    life.fates.append(Fate.DOUBTFUL)
    assert isinstance(await answer(life.claim("v")), UnavailableError)
    other = life.claim("w")
    await until(lambda: life.states() == {"leased": 1})
    await until_idle()
    assert not other.done()
    again = life.claim("v")  # which has never heard of it, and stands in line anew
    [grant] = (await other).grants
    assert (grant.id, grant.attempt) == ("first", 1)
    await life.queues.close()
    assert isinstance(await answer(again), StoppingError)
    assert life.states() == {"leased": 1}


async def test_a_slot_that_comes_later_than_anybody_waits_is_still_its_own() -> None:
    life = await started()
    life.fates.append(Fate.SLOW)
    asking = life.submit({"id": "one"})
    await until(lambda: life.writer.slow == 1)
    later = life.submit({"id": "two"})
    await until_idle()
    life.clock.advance(milliseconds=2 * ASK_DEADLINE_MS)
    await until_idle()
    answers = [await answer(each) for each in (asking, later)]
    assert [type(each) for each in answers] == [DeadlineExceededError] * 2
    life.writer.catch_up(life.writer.slow)
    await until_idle()
    [again] = await life.submit({"id": "one"})
    assert again.repeated
    assert life.states() == {"pending": 3}, "what was asked meanwhile was done, too"


async def test_a_fault_of_ours_is_told_to_everybody_in_the_batch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = await started()
    waiting = life.claim("v", room=0)
    await until_idle()
    take = Lanes.take

    def fails(*args: object, **said: object) -> None:
        monkeypatch.setattr(Lanes, "take", take)
        raise ZeroDivisionError

    monkeypatch.setattr(Lanes, "take", fails)
    asking = [life.submit({"id": "one"}), life.claim("w"), life.submit({"id": "two"})]
    answers = [await answer(each) for each in (*asking, waiting)]
    assert [type(each) for each in answers] == [UnavailableError] * 4
    assert life.states() == {"pending": 1}
    assert "ZeroDivisionError" in caplog.text
    await life.submit({"id": "one"}, {"id": "two"})
    assert life.states() == {"pending": 3}


@pytest.mark.parametrize("has_begun", [False, True])
@pytest.mark.parametrize("fault", [ZeroDivisionError, StoreError])
async def test_a_fault_in_a_command_that_has_changed_something_is_told_to_everybody_in_the_batch(
    monkeypatch: pytest.MonkeyPatch, *, fault: type[Exception], has_begun: bool
) -> None:
    """One that has not fails alone."""
    life = await started()

    def fails(own: QueueMachine, command: Cancel) -> None:
        if has_begun:
            own.say({"event": "cancelled", "id": command.job, "reason": command.reason})
        raise fault("a fault of ours")

    monkeypatch.setitem(machine._DO, Cancel, fails)
    asking = [
        life.submit({"id": "one"}),
        asyncio.ensure_future(life.queues.ask(QUEUE, Cancel("first", "as told"))),
        life.submit({"id": "two"}),
    ]
    answers = [await answer(each) for each in asking]
    failed = [isinstance(each, SchedulerError) for each in answers]
    assert failed == [has_begun, True, has_begun]
    assert life.states() == {"pending": 1 if has_begun else 3}


@pytest.mark.parametrize(
    "command",
    [
        Cancel("first", "no text: \udce9"),
        Cancel("\udce9", "as told"),
        Retry("\udce9"),
        Remove("\udce9"),
        Reprioritise("first", 2**70),
        Purge(JobState.LEASED),
    ],
)
async def test_what_no_slot_can_say_is_refused_alone(command: Command) -> None:
    life = await started()
    one = life.submit({"id": "one"})
    refused = await answer(life.queues.ask(QUEUE, command))
    assert isinstance(refused, MalformedError | NotFoundError)
    assert not isinstance(await answer(one), SchedulerError)


async def test_a_reason_is_no_longer_than_others_are() -> None:
    life = await started()
    [_] = (await life.claim("v")).grants
    await life.queues.ask(QUEUE, Cancel("first", "x" * 5_000))
    job = life.queues.reader.job(QUEUE, "first")
    assert job is not None
    assert len(job.cancelling) == JOB_REASON_MAX_CHARS


async def test_a_fault_as_a_queue_is_taken_over_is_told_to_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = await started()
    life = QueueLife(first.disk)

    def fails(own: QueueMachine) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(QueueMachine, "_take_over", fails)
    assert isinstance(await answer(life.submit({"id": "one"})), UnavailableError)
    monkeypatch.undo()
    await life.submit({"id": "one"})
    assert life.states() == {"pending": 2}


async def test_a_clerk_that_begins_anew_takes_no_local_worker_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = await started()
    claim = Claim("v", frozenset("a"), commands=False, room=1, is_local=True)
    [grant] = (await life.queues.claim(QUEUE, claim, wait_ms=0)).grants

    def fails(own: QueueMachine) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(QueueMachine, "finish", fails)
    assert isinstance(await answer(life.submit({"id": "one"})), UnavailableError)
    monkeypatch.undo()
    await life.queues._clerks[QUEUE].stop()
    assert life.queues.failed == [QUEUE]
    reported = await life.queues.ask(QUEUE, Report("v", held=[(grant.id, grant.token)]))
    assert not reported.lost
    assert life.states() == {"leased": 1}


async def test_a_node_that_has_stood_still_takes_no_lease_away_for_that(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = await started()
    call_later = VirtualClock.call_later
    monkeypatch.setattr(
        VirtualClock,
        "call_later",
        lambda own, delay_ms, callback: call_later(own, delay_ms + STILL_MS, callback),
    )
    await life.submit({"id": "one", "lease_ms": JOB_LEASE_MIN_MS, "priority": 1})
    [grant] = (await life.claim("v", room=1)).grants
    monkeypatch.undo()
    life.clock.advance(milliseconds=JOB_LEASE_MIN_MS + STILL_MS)
    await until_idle()
    assert f"held up for {STILL_MS} ms" in caplog.text
    reported = await life.queues.ask(QUEUE, Report("v", held=[(grant.id, grant.token)]))
    assert not reported.lost
    life.clock.advance(milliseconds=JOB_LEASE_MIN_MS - 1)
    await until_idle()
    assert life.states() == {"leased": 1, "pending": 1}
    life.clock.advance(milliseconds=NODE_LATE_MS)
    await until(lambda: "leased" not in life.states())


async def test_what_was_due_is_done_though_a_slot_has_failed_and_nobody_asks_again() -> None:
    life = await started()
    await life.submit({"id": "one", "delay_ms": 100})
    life.fates.append(Fate.FAILED)
    life.clock.advance(milliseconds=100)
    await until(lambda: not life.fates)
    await until_idle()
    life.clock.advance(milliseconds=RETRY_AFTER_MS)
    await until(lambda: life.states() == {"pending": 2})


async def test_a_queue_that_cannot_make_its_slot_tries_again_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = await started()
    await life.submit({"id": "one", "delay_ms": 100})
    pauses = [min(RETRY_AFTER_MS * 2**tries, QUEUE_PAUSE_MAX_MS) for tries in range(8)]
    assert pauses[-2:] == [QUEUE_PAUSE_MAX_MS] * 2
    life.fates.extend([Fate.FAILED] * (len(pauses) + 1))
    waits: list[int] = []
    call_later = life.clock.call_later

    def note(wait_ms: int, callback: Callable[[], object]) -> Timer:
        waits.append(wait_ms)
        return call_later(wait_ms, callback)

    monkeypatch.setattr(life.clock, "call_later", note)
    life.clock.advance(milliseconds=100)
    for count, pause_ms in zip(range(len(pauses), 0, -1), pauses, strict=True):
        await until(lambda: len(life.fates) == count)  # noqa: B023  # waited for at once
        await until_idle()
        assert waits[-1] == pause_ms
        life.clock.advance(milliseconds=pause_ms)
    await until(lambda: not life.fates)
    await until_idle()
    await life.submit({"id": "two"})  # who asks is heard all the same
    await until(lambda: life.states() == {"pending": 3})


async def test_what_was_due_is_done_though_the_rows_could_not_be_read_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = await started()
    await first.submit({"id": "one", "delay_ms": 1})
    life = QueueLife(first.disk)

    errors: list[SchedulerError] = [OverloadedError("the store's readers", retry_after_ms=1)]

    def load(queue: str, tree: Tree) -> QueueFold:
        if errors:
            raise errors.pop()
        return load_fold(queue, tree)

    monkeypatch.setattr("seriatim.actors.queue.clerk.load_fold", load)
    life.queues.start()
    await until(lambda: not errors)
    await until_idle()
    life.clock.advance(milliseconds=RETRY_AFTER_MS)
    await until(lambda: life.states() == {"pending": 2})


async def test_a_delay_is_no_longer_for_a_clock_that_is_put_back_nor_for_a_slot_that_fails() -> (
    None
):
    life = await started()
    life.clock.set(life.clock.now + timedelta(days=1))
    await life.submit({"id": "seen-tomorrow"})
    life.clock.set(life.clock.now - timedelta(days=1))
    await life.submit({"id": "one", "delay_ms": 4 * RETRY_AFTER_MS})
    life.clock.advance(milliseconds=3 * RETRY_AFTER_MS)
    life.fates.append(Fate.FAILED)
    assert isinstance(await answer(life.submit({"id": "two"})), UnavailableError)
    life.clock.advance(milliseconds=RETRY_AFTER_MS)
    await until(lambda: life.states() == {"pending": 3})


@pytest.mark.slow
async def test_more_commands_than_may_wait_are_refused_with_when_to_come_again() -> None:
    life = await started()
    life.fates.append(Fate.SLOW)
    slow = life.submit({"id": "one"})
    await until(lambda: life.writer.slow == 1)
    cancel = Cancel("nobody", "as told")
    waiting = []
    for first in range(0, QUEUE_COMMANDS_MAX, 1_024):
        waiting += [life.queues._answer(QUEUE, cancel) for _ in range(first, first + 1_024)]
        await until_idle()
    refused = await answer(life.queues._answer(QUEUE, cancel))
    assert isinstance(refused, OverloadedError)
    assert refused.retry_after_ms > 0
    life.writer.catch_up(1)
    assert not isinstance(await answer(slow), SchedulerError)
    assert {getattr(await answer(each), "code", "") for each in waiting} == {"not_found"}


async def test_closing_answers_claims_that_wait_and_commands_that_are_on_their_way() -> None:
    life = await started()
    [grant] = (await life.claim("v")).grants
    waiting = life.claim("w")
    await until_idle()
    life.fates.append(Fate.SLOW)
    on_the_way = life.submit({"id": "one"})
    await until(lambda: life.writer.slow == 1)
    late = life.submit({"id": "two"})
    await until_idle()
    closing = asyncio.ensure_future(life.queues.close())
    await until_idle()
    life.writer.catch_up(life.writer.slow)
    await closing
    assert isinstance(await answer(waiting), StoppingError)
    assert isinstance(await answer(late), StoppingError)
    assert not isinstance(await answer(on_the_way), SchedulerError), "it is on disk"
    done = Report("v", [Done(grant.id, grant.token)])
    assert isinstance(await answer(life.queues.ask(QUEUE, done)), StoppingError)
    assert life.states() == {"leased": 1, "pending": 1}


@pytest.mark.parametrize("what", ["head", "live", "ended"])
async def test_a_damaged_row_is_a_clear_error_and_the_other_queues_go_on(what: str) -> None:
    first = await started()
    await first.submit({"id": "ended"}, {"id": "other"})
    await first.queues.ask(QUEUE, Cancel("ended", "as told"))
    path = {
        "head": head_path(QUEUE),
        "live": job_path(QUEUE, JobState.PENDING, "other"),
        "ended": job_path(QUEUE, JobState.CANCELLED, "ended"),
    }[what]
    whole = first.disk.tree.get(path)
    assert whole is not None
    first.disk.tree.put(path, b"{")
    life = QueueLife(first.disk)
    found = await answer(life.submit({"id": "child", "after": ["ended"]}, queue=QUEUE))
    assert isinstance(found, StoreError)
    assert f"queue {QUEUE}" in str(found)
    assert "restore the data folder from a copy" in str(found)
    await life.submit({"id": "one"}, queue="others")
    first.disk.tree.put(path, whole)
    await life.submit({"id": "child", "after": ["ended"]})
    assert life.states() == {"pending": 2, "cancelled": 1, "failed": 1}


async def test_a_damaged_row_that_no_command_is_about_is_the_same_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every slot meets it: to ask again is of no use."""
    first = await started()
    await first.queues.ask(QUEUE, Cancel("first", "as told"))
    first.disk.tree.put(job_path(QUEUE, JobState.CANCELLED, "first"), b"{")
    life = QueueLife(first.disk)
    life.clock.advance(milliseconds=QUEUE_KEPT_DEFAULT_MS + 1)
    for _ in range(2):
        found = await answer(life.submit({"id": "one"}))
        assert isinstance(found, StoreError)
        assert "restore the data folder from a copy" in str(found)
    assert "job first of queue mail" in caplog.text


async def test_a_queue_whose_first_submitter_has_gone_is_made_once() -> None:
    life = QueueLife()
    life.fates.append(Fate.SLOW)
    asking = life.submit({"id": "one"})
    await until(lambda: life.writer.slow == 1)
    asking.cancel()
    await until_idle()
    life.writer.catch_up(1)
    await life.submit({"id": "two"})
    assert len(life.disk.log.processes(limit=9)) == 1


async def test_a_thousand_first_submits_make_one_queue() -> None:
    life = QueueLife()
    asking = [life.submit({"id": f"job-{n}"}, queue=f"q{n % 2}") for n in range(1_000)]
    answers = [await answer(each) for each in asking]
    assert not [each for each in answers if isinstance(each, SchedulerError)]
    assert life.queues.names == ["q0", "q1"]
    assert len(life.disk.log.processes(limit=9)) == 2


async def test_who_waits_for_what_is_live_has_no_row_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody does who has just submitted something."""
    life = await started()
    read: list[str] = []
    monkeypatch.setattr(life.queues.reader, "job", lambda _, job: read.append(job))
    ending = asyncio.ensure_future(life.queues.ended(QUEUE, "first", wait_ms=1_000))
    [grant] = (await life.claim()).grants
    await life.queues.report(QUEUE, Report("w", [Done("first", grant.token, b"1")]))
    job = await ending
    assert job is not None
    assert (job.state, job.result, read) == (JobState.DONE, b"1", [])
    with pytest.raises(NotFoundError):
        await life.queues.ended(QUEUE, "first", wait_ms=1_000)
    assert read == ["first"], "what has ended is read"


async def test_what_is_not_on_disk_after_all_is_not_waited_for() -> None:
    life = await started()
    life.fates.append(Fate.FAILED)
    assert isinstance(await answer(life.submit({"id": "one"})), UnavailableError)
    with pytest.raises(NotFoundError):
        await life.queues.ended(QUEUE, "one", wait_ms=1_000)
