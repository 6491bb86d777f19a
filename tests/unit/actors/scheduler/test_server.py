"""One server: who gets which slot when clocks, logs and commits fail under it."""

from __future__ import annotations

from random import Random

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.scheduler.mail import Durable, Undone
from seriatim.actors.scheduler.server import Server
from seriatim.actors.scheduler.writer import Sealed
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import (
    CorruptRecordError,
    LimitExceededError,
    RefusedError,
    SchedulerError,
    UnavailableError,
)
from seriatim.formats.limits import BODY_MAX_BYTES, COMMIT_BATCH_MAX_BYTES
from seriatim.formats.schedule.assignment import Block, Draft
from seriatim.formats.schedule.record import Head, Kind, Record
from seriatim.formats.schedule.submission import submit_item, submit_reference
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.verify import twin_of
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import NODE, message, message_item, messages, spawn, unsigned
from tests.support.faulty_log import Fault
from tests.support.nodes import START_MS, SteppedScheduler
from tests.support.records import make_id
from tests.support.strategies import known_wallet


class BrokenClock(ManualClock):
    """A clock whose wall stops working for a while: a bug of ours, seen from the server."""

    is_broken = False

    def now_ms(self) -> int:
        if self.is_broken:
            raise RuntimeError("planted")
        return super().now_ms()


class ForgetfulLog(MemoryLog):
    """A log that can lose sight of its records, or find its heads damaged."""

    loses_records = False
    has_damage = False

    def read(self, process: bytes, slot: int) -> Record | None:
        return None if self.loses_records else super().read(process, slot)

    def head(self, process: bytes) -> Head | None:
        if self.has_damage:
            raise CorruptRecordError(process="p", slot=0, reason="planted")
        return super().head(process)


def test_the_first_message_of_a_process_is_its_spawn(stepped: SteppedScheduler) -> None:
    submission = spawn(Variant.HYPERBEAM)
    receipt = stepped.ask(submission)
    assert receipt.slot == 0
    assert receipt.variant is Variant.HYPERBEAM
    assert receipt.message_id == receipt.process == submission.process
    assert not receipt.repeated


def test_a_spawn_that_names_no_variant_gets_that_of_the_way_it_came_by(
    stepped: SteppedScheduler,
) -> None:
    receipt = stepped.ask(spawn(None), variant=Variant.LEGACY)
    assert receipt.variant is Variant.LEGACY
    again = stepped.ask(message(receipt.process, "one"), variant=Variant.HYPERBEAM)
    assert again.variant is Variant.LEGACY, "it never changes afterwards"


def test_the_same_message_gets_the_same_receipt_before_and_after_it_is_durable(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    submission = message(process, "once")
    first, second = stepped.submit(submission), stepped.submit(submission)
    stepped.settle()
    receipt = first.get(timeout=0)
    assert not receipt.repeated
    assert second.get(timeout=0) == receipt._replace(repeated=True)
    assert stepped.ask(submission) == receipt._replace(repeated=True)


def test_another_message_with_the_same_id_is_refused_waiting_or_durable(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    submission = message(process, "mine")
    forged = submission._replace(message=b"something else")
    first, second = stepped.submit(submission), stepped.submit(forged)
    stepped.settle()
    for reply in (second, stepped.submit(forged)):
        stepped.settle()
        error = reply.error()
        assert isinstance(error, RefusedError)
        assert error.code == "id_taken"
    assert first.get(timeout=0).slot == 1


@pytest.mark.parametrize("is_durable", [False, True])
def test_a_message_gets_no_second_slot_by_the_other_form_of_its_signature(
    stepped: SteppedScheduler, *, is_durable: bool
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    item = message_item(process, "once", wallet=known_wallet(WalletKind.SECP256K1))
    twin = twin_of(item.signature_type, bytes(item.signature))
    assert twin is not None
    changed = DataItem.decode(bytes(item.raw).replace(bytes(item.signature), twin))
    changed.verify()
    assert (changed.id, changed.twin_id) == (item.twin_id, item.id)
    first = stepped.submit(submit_item(item))
    if is_durable:
        stepped.settle()
    second = stepped.submit(submit_item(changed))
    stepped.settle()
    assert first.get(timeout=0).slot == 1
    error = second.error()
    assert isinstance(error, RefusedError)
    assert (error.code, "slot 1" in str(error)) == ("id_taken", True)
    assert stepped.ask(submit_item(item)).slot == 1


def test_a_reference_takes_a_slot_and_the_message_itself_takes_another(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    submission = message(process, "here too")
    assert stepped.ask(submit_reference(process, submission.message_id)).slot == 1
    assert stepped.ask(submission).slot == 2
    assert stepped.ask(submit_reference(process, make_id("elsewhere"))).slot == 3
    assert stepped.ask(submission).slot == 2


@pytest.mark.parametrize("fault", Fault)
def test_a_failed_commit_un_assigns_and_the_next_message_gets_what_is_free(
    stepped: SteppedScheduler, fault: Fault
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    first, second = messages(process, 2)
    lost = stepped.submit(first)
    stepped.run_until_blocked()
    stepped.writer.release(fault)
    stepped.run_until_blocked()
    error = lost.error()
    assert isinstance(error, SchedulerError)
    assert error.retryable
    is_there = fault is Fault.AFTER_WRITING
    assert stepped.ask(second).slot == (2 if is_there else 1)
    assert stepped.ask(first).slot == (1 if is_there else 2)
    assert stepped.writer.conflicts == 0


@pytest.mark.parametrize("fault", Fault)
def test_a_batch_behind_a_failed_one_comes_back_before_anybody_hears_of_it(
    stepped: SteppedScheduler, fault: Fault
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    first, second, third = messages(process, 3)
    replies = []
    for each in (first, second, third):
        replies.append(stepped.submit(each))
        stepped.run_until_blocked()
    stepped.writer.release(fault)
    stepped.run_until_blocked()
    assert not any(reply.done() for reply in replies), "what is on its way is not known yet"
    stepped.writer.release()
    stepped.run_until_blocked()
    assert isinstance(replies[0].error(), UnavailableError)
    assert isinstance(replies[2].error(), UnavailableError), "it waited behind the failed one"
    if fault is Fault.AFTER_WRITING:
        assert replies[1].get(timeout=0).slot == 2
    else:
        assert isinstance(replies[1].error(), UnavailableError)
    is_there = fault is Fault.AFTER_WRITING
    assert stepped.ask(third).slot == (3 if is_there else 1)
    assert stepped.ask(second).slot == 2
    assert stepped.ask(first).slot == (1 if is_there else 3)
    assert stepped.writer.conflicts == 0


def test_what_is_on_its_way_when_another_process_fails_is_nobody_elses_answer(
    stepped: SteppedScheduler,
) -> None:
    """Once the old message's receipt went to the caller of a new one, which was then lost."""
    failing, other = (stepped.ask(spawn(variant)).process for variant in list(Variant)[:2])
    stepped.submit(unsigned(failing, "fails"))
    stepped.run_until_blocked()
    on_its_way = unsigned(other, "on its way")
    old = stepped.submit(on_its_way)
    stepped.run_until_blocked()
    stepped.writer.release(Fault.BEFORE_WRITING)
    stepped.run_until_blocked()
    new_one = unsigned(other, "new")
    new = stepped.submit(new_one)
    stepped.settle()
    for reply, submission in ((old, on_its_way), (new, new_one)):
        if reply.error() is None:
            receipt = reply.get(timeout=0)
            record = stepped.log.read(other, receipt.slot)
            assert record is not None
            assert record.message_id == receipt.message_id == submission.message_id
    assert old.error() is None
    assert stepped.ask(new_one).message_id == new_one.message_id


@pytest.mark.parametrize("fault", Fault)
def test_a_failed_first_commit_leaves_no_process_behind(
    stepped: SteppedScheduler, fault: Fault
) -> None:
    submission = spawn(Variant.HYPERBEAM)
    reply = stepped.submit(submission)
    stepped.run_until_blocked()
    stepped.writer.release(fault)
    stepped.run_until_blocked()
    assert isinstance(reply.error(), UnavailableError)
    receipt = stepped.ask(submission)
    assert receipt.slot == 0
    assert receipt.repeated == (fault is Fault.AFTER_WRITING)


def test_a_failed_commit_takes_the_slots_of_every_process_that_waits(
    stepped: SteppedScheduler,
) -> None:
    places = [stepped.ask(spawn(variant)).process for variant in Variant]
    first = stepped.submit(unsigned(places[0], "in the batch"))
    stepped.run_until_blocked()
    on_its_way = stepped.submit(unsigned(places[0], "on its way"))
    stepped.run_until_blocked()
    others = [stepped.submit(unsigned(place, "behind it")) for place in places]
    stepped.run_until_blocked()
    stepped.writer.release(Fault.BEFORE_WRITING)
    stepped.writer.release()
    stepped.run_until_blocked()
    assert isinstance(on_its_way.error(), UnavailableError)
    assert all(isinstance(reply.error(), UnavailableError) for reply in (first, *others))
    assert [stepped.ask(unsigned(place, "next")).slot for place in places] == [1, 1, 1]


def test_a_message_between_the_failure_and_the_news_of_it_keeps_its_slot(
    stepped: SteppedScheduler,
) -> None:
    """Once found by the simulation: the late news took the slot away from the new message."""
    process = stepped.ask(spawn(Variant.NATIVE)).process
    stepped.submit(unsigned(process, "fails"))
    stepped.run_until_blocked()
    between = [stepped.submit(unsigned(process, f"between {each}")) for each in range(2)]
    stepped.dispatcher.step()
    stepped.dispatcher.step()
    stepped.writer.release(Fault.BEFORE_WRITING)
    stepped.settle()
    assert [reply.get(timeout=0).slot for reply in between] == [1, 2]
    assert stepped.writer.conflicts == 0


def test_a_server_that_raises_answers_its_caller_and_spares_the_others(log: MemoryLog) -> None:
    clock = BrokenClock(START_MS)
    stepped = SteppedScheduler(log, clock=clock, random=Random(3), wallet=known_wallet(NODE))
    process = stepped.ask(spawn(Variant.LEGACY)).process
    on_its_way = stepped.submit(message(process, "on its way to disk"))
    stepped.run_until_blocked()
    clock.is_broken = True
    hit = stepped.submit(message(process, "meets the bug"))
    stepped.run_until_blocked()
    assert isinstance(hit.error(), RuntimeError)
    clock.is_broken = False
    after = stepped.submit(message(process, "afterwards"))
    stepped.settle()
    assert on_its_way.get(timeout=0).slot == 1
    assert after.get(timeout=0).slot == 2
    assert stepped.writer.conflicts == 0


def test_a_message_that_no_batch_can_carry_is_refused_and_costs_no_slot(
    stepped: SteppedScheduler,
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    with pytest.raises(LimitExceededError):
        stepped.ask(unsigned(process, "x" * (BODY_MAX_BYTES + 1)))
    rows = tuple((("some", str(number)), bytes(BODY_MAX_BYTES)) for number in range(4))
    assert sum(len(row) for _, row in rows) > COMMIT_BATCH_MAX_BYTES
    with pytest.raises(LimitExceededError):
        stepped.ask(unsigned(process, "with it")._replace(rows=rows))
    assert stepped.ask(unsigned(process, "small")).slot == 1
    assert stepped.writer.conflicts == 0


def test_a_damaged_head_is_its_callers_to_hear_of(clock: ManualClock) -> None:
    log = ForgetfulLog()
    SteppedScheduler(log, clock=clock, random=Random(1), wallet=None).ask(spawn(Variant.NATIVE))
    stepped = SteppedScheduler(log, clock=clock, random=Random(1), wallet=None)
    process = spawn(Variant.NATIVE).process
    log.has_damage = True
    with pytest.raises(CorruptRecordError):
        stepped.ask(unsigned(process, "one"))
    log.has_damage = False
    assert stepped.ask(unsigned(process, "one")).slot == 1


def test_a_known_slot_without_a_record_is_not_made_up(clock: ManualClock) -> None:
    log = ForgetfulLog()
    stepped = SteppedScheduler(log, clock=clock, random=Random(1), wallet=None)
    submission = spawn(Variant.NATIVE)
    stepped.ask(submission)
    log.loses_records = True
    with pytest.raises(UnavailableError, match="log ended"):
        stepped.ask(submission)


def test_news_of_another_epoch_answers_nobody(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    waiting = stepped.submit(unsigned(process, "waiting"))
    stepped.run_until_blocked()
    server = next(each for each in stepped.dispatcher._actors if isinstance(each, Server))
    draft = Draft(
        process, 1, Variant.NATIVE, 0, Kind.UNSIGNED, make_id("old"), b"", "", (), Block()
    )
    for epoch in (-1, 1):
        server.actor_ref.tell(Durable(draft, Sealed(b"", b"", b""), epoch))
        server.actor_ref.tell(Undone(UnavailableError("planted"), epoch))
    stepped.run_until_blocked()
    assert not waiting.done()
    stepped.settle()
    assert waiting.get(timeout=0).slot == 1


def test_mail_that_it_does_not_know_is_its_senders_fault(stepped: SteppedScheduler) -> None:
    stepped.ask(spawn(Variant.NATIVE))
    server = next(each for each in stepped.dispatcher._actors if isinstance(each, Server))
    asked = server.actor_ref.ask("nonsense")
    stepped.settle()
    assert isinstance(asked.error(), TypeError)


def test_timestamps_rise_when_the_clock_does_not(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    clock.set_now_ms(START_MS - 5_000)
    stamps = [stepped.ask(unsigned(process, str(each))).timestamp_ms for each in range(3)]
    assert stamps == [START_MS + 1, START_MS + 2, START_MS + 3]
    clock.set_now_ms(START_MS + 1_000)
    assert stepped.ask(unsigned(process, "later")).timestamp_ms == START_MS + 1_000


def test_every_assignment_carries_the_newest_block(stepped: SteppedScheduler) -> None:
    stepped.scheduler.block = Block(height=17, hash=make_id("block"), timestamp=99)
    receipt = stepped.ask(spawn(Variant.LEGACY))
    assert b"000000000017" in receipt.assignment
