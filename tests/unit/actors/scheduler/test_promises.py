"""Slots that are promised before they are on disk: what is said, and what becomes of it."""

from __future__ import annotations

import pytest

from seriatim.formats.errors import OverloadedError
from seriatim.formats.limits import PROMISES_MAX
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import receipt_to_plain
from tests.support.builders import message, messages, spawn
from tests.support.faulty_log import Fault
from tests.support.nodes import SteppedScheduler


def test_a_promise_is_given_before_the_write_and_shows_no_assignment(
    stepped: SteppedScheduler,
) -> None:
    submission = spawn(Variant.LEGACY)
    reply = stepped.submit(submission, is_early=True)
    stepped.run_until_blocked()
    assert stepped.log.head(submission.process) is None, "nothing is on disk"
    promised = reply.get(timeout=0)
    assert promised.mode is SchedulingMode.AGGRESSIVE
    plain = receipt_to_plain(promised)
    assert plain["scheduling-mode"] == "aggressive"
    assert plain.keys().isdisjoint({"assignment", "assignment-id", "hash-chain"})
    kept = stepped.ask(submission)
    assert (kept.slot, kept.timestamp_ms) == (promised.slot, promised.timestamp_ms)
    assert (kept.mode, kept.repeated) == (SchedulingMode.LOCAL, True)


def test_without_a_promise_nobody_is_answered_before_the_write(stepped: SteppedScheduler) -> None:
    reply = stepped.submit(spawn(Variant.LEGACY))
    stepped.run_until_blocked()
    assert not reply.done()


def test_the_same_message_is_promised_the_same_slot_while_it_is_on_its_way(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    first, second = messages(process, 2)
    replies = [stepped.submit(each, is_early=True) for each in (first, second, first)]
    patient = stepped.submit(second)
    stepped.run_until_blocked()
    one, two, again = [reply.get(timeout=0) for reply in replies]
    assert [one.slot, two.slot] == [1, 2]
    assert again == one._replace(repeated=True)
    assert not patient.done(), "who asked for no promise waits for the disk"
    stepped.settle()
    assert patient.get(timeout=0).slot == 2


@pytest.mark.parametrize("fault", Fault)
def test_a_promise_that_the_disk_does_not_keep_is_in_the_log(
    stepped: SteppedScheduler, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    lost, other = messages(process, 2)
    reply = stepped.submit(lost, is_early=True)
    stepped.run_until_blocked()
    assert reply.get(timeout=0).slot == 1
    stepped.writer.release(fault)
    stepped.run_until_blocked()
    assert "slot 1 was promised, and is not known to be on disk" in caplog.text
    is_there = fault is Fault.AFTER_WRITING
    assert stepped.ask(other).slot == (2 if is_there else 1), "the log has no gap for it"


def test_no_more_is_promised_than_a_stop_can_keep(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    replies = []
    for number in range(4 * PROMISES_MAX):
        replies.append(stepped.submit(message(process, str(number)), is_early=True))
        stepped.run_until_blocked()
    errors = [reply.error() for reply in replies]
    refused = [error for error in errors if error is not None]
    assert refused
    assert {type(error) for error in refused} == {OverloadedError}
    assert len(replies) - len(refused) <= 3 * PROMISES_MAX
    patient = stepped.submit(message(process, "who waits for the disk"))
    stepped.settle()
    assert patient.get(timeout=0).slot == len(replies) - len(refused) + 1
