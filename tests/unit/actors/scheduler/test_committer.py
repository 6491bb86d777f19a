"""The committer: what it takes, what it refuses, and what the end of the writer means."""

from __future__ import annotations

import asyncio

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.writer import Copied
from seriatim.formats.errors import (
    ChildDiedError,
    ChildFailedError,
    DeadlineExceededError,
    OverloadedError,
    SchedulerError,
    StoppingError,
    StoreError,
    UnavailableError,
)
from seriatim.formats.limits import (
    ASK_DEADLINE_MS,
    BODY_MAX_BYTES,
    COMMIT_BATCH_MAX,
    COMMIT_QUEUE_MAX,
    COMMIT_QUEUE_MAX_BYTES,
    MAILBOX_MAX,
)
from seriatim.formats.schedule.submission import Submission, submit_reference
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import spawn, unsigned
from tests.support.faulty_log import Fault
from tests.support.nodes import SteppedScheduler
from tests.support.records import make_id


def fill(stepped: SteppedScheduler, submission: Submission, count: int) -> list[Future[Receipt]]:
    """Hand *submission* in *count* times, while the disk stands still."""
    replies = []
    for number in range(1, count + 1):
        replies.append(stepped.submit(submission))
        if number % MAILBOX_MAX == 0:
            stepped.run_until_blocked()
    stepped.run_until_blocked()
    return replies


def test_a_process_is_being_copied_until_the_writer_has_written(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    """Also when whoever waits for that has heard that it takes too long."""
    process = make_id("copied")
    scheduler = stepped.scheduler
    for _ in range(2):
        storing = scheduler.store(Copied(process, 0, (("followed", "p"), b"{}"), ()))
        stepped.run_until_blocked()
        clock.advance(ASK_DEADLINE_MS)
        stepped.run_until_blocked()
        assert isinstance(storing.error(), DeadlineExceededError)
        assert scheduler.is_copying(process)
        stepped.settle()
        assert not scheduler.is_copying(process)


@pytest.mark.slow
def test_a_full_queue_refuses_and_takes_again_when_the_disk_moves(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    submission = submit_reference(process, make_id("elsewhere"))
    fill(stepped, submission, COMMIT_BATCH_MAX)
    # One batch is on its way, the queue behind it is full.
    taken = fill(stepped, submission, COMMIT_QUEUE_MAX)
    assert stepped.scheduler.waiting >= COMMIT_QUEUE_MAX
    refused = stepped.submit(submission)
    stepped.run_until_blocked()
    error = refused.error()
    assert isinstance(error, OverloadedError)
    assert error.retry_after_ms > 0
    stepped.writer.release()
    later = stepped.submit(submission)
    stepped.settle()
    last = later.get(timeout=0).slot
    slots = [reply.get(timeout=0).slot for reply in taken if reply.error() is None]
    assert slots == sorted(set(slots))
    head = stepped.log.head(process)
    assert head is not None
    assert last == head.slot
    assert stepped.writer.conflicts == 0


def test_a_queue_full_of_bytes_refuses(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    large = unsigned(process, "x" * (BODY_MAX_BYTES - 100))
    replies = fill(stepped, large, 2 * COMMIT_QUEUE_MAX_BYTES // BODY_MAX_BYTES)
    refused = [reply for reply in replies if reply.done()]
    assert refused
    assert all(isinstance(reply.error(), OverloadedError) for reply in refused)
    stepped.writer.release(Fault.BEFORE_WRITING)
    while stepped.writer.held:
        stepped.writer.release()
    stepped.run_until_blocked()
    assert all(reply.done() for reply in replies)
    assert stepped.ask(unsigned(process, "small")).slot == 1


def test_a_queue_that_closes_refuses_new_work_and_writes_what_it_has(
    stepped: SteppedScheduler, log: MemoryLog
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    taken = stepped.submit(unsigned(process, "taken"))
    stepped.run_until_blocked()

    async def close() -> None:
        closing = asyncio.create_task(stepped.scheduler._committer.close())
        await asyncio.sleep(0)
        late = stepped.submit(unsigned(process, "late"))
        stepped.settle()
        await closing
        assert isinstance(late.error(), StoppingError)

    asyncio.run(close())
    assert taken.get(timeout=0).slot == 1
    head = log.head(process)
    assert head is not None
    assert head.slot == 1


@pytest.mark.parametrize(
    ("given", "heard"),
    [
        (StoreError("disk full"), UnavailableError),
        (ChildFailedError("the writer", kind="StoreError", reason="full"), ChildFailedError),
        (ChildDiedError("the writer", status=-9), ChildDiedError),
        (RuntimeError("a bug"), UnavailableError),
        (ValueError("a bug"), UnavailableError),
    ],
)
def test_callers_hear_an_error_that_says_to_try_again(
    stepped: SteppedScheduler, given: Exception, heard: type[SchedulerError]
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    reply = stepped.submit(unsigned(process, "unlucky"))
    stepped.run_until_blocked()
    stepped.writer.refuse(given)
    stepped.run_until_blocked()
    error = reply.error()
    assert type(error) is heard
    assert isinstance(error, SchedulerError)
    assert error.retryable
    assert not stepped.scheduler.failed.done(), "the store can still be read"
    assert stepped.ask(unsigned(process, "lucky")).slot == 1


def test_one_error_for_two_batches_is_two_failed_commits(stepped: SteppedScheduler) -> None:
    """A dead child answers every call with the same error object."""
    process = stepped.ask(spawn(Variant.NATIVE)).process
    death = ChildDiedError("the writer", status=-9)
    for _ in range(2):
        reply = stepped.submit(unsigned(process, "unlucky"))
        stepped.run_until_blocked()
        stepped.writer.refuse(death)
        stepped.run_until_blocked()
        assert reply.error() is death
    assert stepped.ask(unsigned(process, "lucky")).slot == 1


def test_a_store_that_cannot_even_be_read_ends_the_node(
    stepped: SteppedScheduler, log: MemoryLog
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    reply = stepped.submit(unsigned(process, "unlucky"))
    stepped.run_until_blocked()
    log.close()
    stepped.writer.release()
    stepped.run_until_blocked()
    assert isinstance(reply.error(), UnavailableError)
    assert isinstance(stepped.scheduler.failed.error(), StoreError)


def test_what_becomes_durable_after_its_server_has_gone_stays(
    stepped: SteppedScheduler, log: MemoryLog
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    reply = stepped.submit(unsigned(process, "late"))
    stepped.run_until_blocked()
    stepped.dispatcher.close()
    assert isinstance(reply.error(), UnavailableError)
    stepped.writer.release()
    head = log.head(process)
    assert head is not None
    assert head.slot == 1
