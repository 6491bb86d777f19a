"""The registry: one server per process, found, started and let go without losing a message."""

from __future__ import annotations

import logging
from random import Random

import pytest

from seriatim.actors.runtime.actor import LightRef
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.scheduler.mail import Retired
from seriatim.actors.scheduler.registry import Registry
from seriatim.actors.scheduler.server import Server
from seriatim.formats.errors import ActorDeadError, NotFoundError, OverloadedError
from seriatim.formats.limits import (
    IDLE_PASSIVATE_MS,
    MAILBOX_MAX,
    PASSIVATE_BATCH_MAX,
    PASSIVATE_PAUSE_MS,
)
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import NODE, message, spawn, unsigned
from tests.support.nodes import SteppedScheduler
from tests.support.records import make_id
from tests.support.strategies import known_wallet

IDLE_MS = IDLE_PASSIVATE_MS * 2


def registry_of(stepped: SteppedScheduler) -> LightRef[Registry]:
    return stepped.scheduler._registry


def pass_time(stepped: SteppedScheduler, clock: ManualClock) -> None:
    clock.advance(IDLE_MS)
    stepped.settle()


def test_a_thousand_concurrent_first_messages_meet_one_server(
    log: MemoryLog, clock: ManualClock
) -> None:
    process = SteppedScheduler(log, clock=clock, random=Random(1), wallet=known_wallet(NODE)).ask(
        spawn(Variant.NATIVE)
    )
    stepped = SteppedScheduler(log, clock=clock, random=Random(2), wallet=None)
    stepped.run_until_blocked()
    assert stepped.servers() == []
    before = stepped.dispatcher._started
    replies = [stepped.submit(unsigned(process.process, str(number))) for number in range(1_000)]
    stepped.settle()
    assert stepped.dispatcher._started - before == 1, "exactly one server was started"
    assert stepped.servers() == [process.process]
    slots = [reply.get(timeout=0).slot for reply in replies]
    assert slots == list(range(1, 1_001))


def end_servers(stepped: SteppedScheduler) -> None:
    """End every server as an error does that nobody has foreseen."""
    for actor in list(stepped.dispatcher._actors):
        if isinstance(actor, Server):
            actor.terminate()


def test_an_unknown_process_gets_no_server(stepped: SteppedScheduler) -> None:
    with pytest.raises(NotFoundError, match="spawn it first"):
        stepped.ask(message(make_id("made up"), "hello"))
    assert stepped.servers() == []


def test_a_server_that_nobody_uses_goes_and_the_next_message_starts_it_again(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    process = stepped.ask(spawn(Variant.LEGACY)).process
    assert stepped.scheduler.live == [process]
    pass_time(stepped, clock)
    assert stepped.scheduler.live == []
    assert stepped.servers() == []
    assert stepped.ask(message(process, "again")).slot == 1
    assert stepped.scheduler.live == [process]


def test_a_server_in_use_stays(stepped: SteppedScheduler, clock: ManualClock) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    for number in range(20):
        clock.advance(IDLE_PASSIVATE_MS // 4)
        assert stepped.ask(unsigned(process, str(number))).slot == number + 1
        assert stepped.scheduler.live == [process]
    assert stepped.dispatcher._started == 2, "the registry and one server"


def test_a_server_with_messages_on_their_way_to_disk_stays(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    reply = stepped.submit(unsigned(process, "slow"))
    stepped.run_until_blocked()
    clock.advance(IDLE_MS)
    stepped.run_until_blocked()
    assert stepped.servers() == [process]
    assert reply.done(), "its deadline came"
    stepped.settle()
    assert stepped.ask(unsigned(process, "next")).slot == 2


@pytest.mark.parametrize("seed", range(20))
def test_a_message_between_the_question_and_the_answer_keeps_the_server(
    log: MemoryLog, clock: ManualClock, seed: int
) -> None:
    """Whatever is handled first: the message is never told that its server is dead."""
    stepped = SteppedScheduler(log, clock=clock, random=Random(seed), wallet=None)
    process = stepped.ask(spawn(Variant.NATIVE)).process
    clock.advance(IDLE_MS)
    for _ in range(seed % 5):
        stepped.turn()
    reply = stepped.submit(unsigned(process, "just in time"))
    stepped.settle()
    assert reply.get(timeout=0).slot == 1


def test_the_late_word_of_a_server_that_went_does_not_take_its_successor(
    stepped: SteppedScheduler,
) -> None:
    """It was asked twice, and answers twice, with the count that the successor has by now."""
    process = stepped.ask(spawn(Variant.NATIVE)).process
    first = next(each for each in stepped.dispatcher._actors if isinstance(each, Server))
    last_words = Retired(process, first.actor_ref, received=1)
    registry_of(stepped).tell(last_words)
    reply = stepped.submit(unsigned(process, "for the successor"))
    registry_of(stepped).tell(last_words)
    stepped.settle()
    assert reply.get(timeout=0).slot == 1
    assert stepped.scheduler.live == stepped.servers() == [process]
    assert not first.actor_ref.is_alive()


@pytest.mark.slow
def test_more_idle_servers_than_a_mailbox_holds_all_go_without_noise(
    stepped: SteppedScheduler, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    count = MAILBOX_MAX + 500
    for number in range(count):
        fields = {"type": "Process", "name": str(number)}
        stepped.submit(submit_unsigned(Message(fields)))
        if number % 1_000 == 0:
            stepped.settle()
    stepped.settle()
    assert len(stepped.scheduler.live) == count
    with caplog.at_level(logging.ERROR):
        pass_time(stepped, clock)
        for _ in range(count // PASSIVATE_BATCH_MAX):
            clock.advance(PASSIVATE_PAUSE_MS)
            stepped.settle()
    assert not caplog.records
    assert stepped.scheduler.live == []
    assert stepped.servers() == []


def test_a_server_that_ended_by_an_error_has_a_successor(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    end_servers(stepped)
    assert stepped.ask(unsigned(process, "goes on")).slot == 1
    end_servers(stepped)
    pass_time(stepped, clock)
    assert stepped.scheduler.live == [], "a dead one is swept too"
    stepped.ask(unsigned(process, "again"))
    pass_time(stepped, clock)
    assert stepped.scheduler.live == [], "and the sweeps go on"


@pytest.mark.slow
def test_a_sweep_is_taken_by_a_full_mailbox(stepped: SteppedScheduler, clock: ManualClock) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    for number in range(MAILBOX_MAX):
        stepped.submit(unsigned(process, str(number)))
    clock.advance(IDLE_PASSIVATE_MS // 4)
    stepped.settle()
    for _ in range(2):
        pass_time(stepped, clock)
    assert stepped.scheduler.live == []


@pytest.mark.slow
def test_a_full_registry_refuses(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    replies = [stepped.submit(unsigned(process, str(each))) for each in range(MAILBOX_MAX + 1)]
    assert isinstance(replies[-1].error(), OverloadedError)
    stepped.settle()
    assert [reply.get(timeout=0).slot for reply in replies[:-1]] == list(range(1, MAILBOX_MAX + 1))


def test_a_message_after_the_end_is_answered(stepped: SteppedScheduler) -> None:
    process = stepped.ask(spawn(Variant.NATIVE)).process
    stepped.kill(is_written=False)
    reply = stepped.submit(unsigned(process, "too late"))
    assert isinstance(reply.error(), ActorDeadError)


def test_mail_that_it_does_not_know_is_its_senders_fault(stepped: SteppedScheduler) -> None:
    asked = registry_of(stepped).ask("nonsense")
    stepped.settle()
    assert isinstance(asked.error(), TypeError)
    assert stepped.ask(spawn(Variant.NATIVE)).slot == 0, "it goes on"


def test_a_sweep_that_comes_after_the_end_is_harmless(
    stepped: SteppedScheduler, clock: ManualClock
) -> None:
    stepped.run_until_blocked()
    stepped.kill(is_written=False)
    clock.advance(IDLE_MS)
    assert stepped.dispatcher.actor_count == 0
