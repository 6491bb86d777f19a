"""The light actor's contract: order, failure, stopping, and an answer to every mail."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any, ClassVar

import pykka
import pytest

from seriatim.actors.runtime.actor import LightActor, Query
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.dispatcher import Dispatcher, ManualDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import (
    ActorDeadError,
    DeadlineExceededError,
    OverloadedError,
    RefusedError,
    StoppingError,
)
from seriatim.formats.limits import DEADLINE_GRAIN_MS


class Sum(Query[int]):
    """Asks for the sum so far."""


class Letter:
    """Mail with its own reply."""

    def __init__(self, text: object = None) -> None:
        self.text = text
        self.errors: list[BaseException] = []

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)


class Clerk(LightActor):
    """Notes what happens to it; raises whatever exception it is sent."""

    def __init__(self, dispatcher: Dispatcher, notes: list[Any] | None = None) -> None:
        super().__init__(dispatcher)
        self.notes: list[Any] = [] if notes is None else notes
        self.limit = 10

    def on_start(self) -> None:
        self.notes.append("start")

    def on_stop(self) -> None:
        self.notes.append("stop")

    def on_error(self, error: BaseException) -> None:
        self.notes.append(error)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Letter):
            message = message.text
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, Sum):
            return sum(note for note in self.notes if isinstance(note, int))
        self.notes.append(message)
        return message

    def double(self, number: int) -> int:
        return number * 2


class Fragile(Clerk):
    stops_on_failure: ClassVar[bool] = True


class Small(Clerk):
    mailbox_max: ClassVar[int] = 2


def outcome(future: Future[Any]) -> BaseException | None:
    assert future.done()
    return future.error()


def test_an_actor_starts_before_its_first_mail_and_keeps_their_order(
    dispatcher: ManualDispatcher,
) -> None:
    notes: list[Any] = []
    ref = Clerk.start(dispatcher, notes)
    assert notes == [], "on_start belongs to the dispatcher"
    for number in range(5):
        ref.tell(number)
    dispatcher.run_until_idle()
    assert notes == ["start", 0, 1, 2, 3, 4]


def test_a_query_is_answered_with_what_it_says(dispatcher: ManualDispatcher) -> None:
    ref = Clerk.start(dispatcher)
    ref.tell(4)
    answer: Future[int] = ref.ask(Sum())
    dispatcher.run_until_idle()
    assert answer.get() == 4


def test_two_actors_never_have_one_name(dispatcher: ManualDispatcher) -> None:
    refs = [Clerk.start(dispatcher) for _ in range(100)]
    assert len({ref.actor_urn for ref in refs}) == 100


def test_a_full_mailbox_refuses_the_next_mail_but_not_the_stop(
    dispatcher: ManualDispatcher,
) -> None:
    notes: list[Any] = []
    ref = Small.start(dispatcher, notes)
    ref.tell(1)
    ref.tell(2)
    with pytest.raises(OverloadedError) as refusal:
        ref.tell(3)
    assert refusal.value.retry_after_ms > 0
    assert isinstance(outcome(ref.ask(3)), OverloadedError)
    stopped = ref.stop()
    dispatcher.run_until_idle()
    assert notes == ["start", 1, 2, "stop"]
    assert stopped.get() is True


def test_a_full_mailbox_takes_answers_to_the_actors_own_questions(
    dispatcher: ManualDispatcher,
) -> None:
    class Answer(Letter):
        always_taken = True

    ref = Small.start(dispatcher)
    ref.tell(1)
    ref.tell(2)
    answer = ref.ask(Answer("taken"))
    dispatcher.run_until_idle()
    assert answer.get() == "taken"


def test_a_full_mailbox_takes_mail_again_after_some_was_handled(
    dispatcher: ManualDispatcher,
) -> None:
    ref = Small.start(dispatcher)
    ref.tell(1)
    ref.tell(2)
    dispatcher.step()
    ref.tell(3)


@pytest.mark.parametrize("actor_class", [Clerk, Fragile])
def test_an_error_goes_to_the_asker_the_hook_and_the_log_once(
    dispatcher: ManualDispatcher,
    caplog: pytest.LogCaptureFixture,
    actor_class: type[Clerk],
) -> None:
    notes: list[Any] = []
    ref = actor_class.start(dispatcher, notes)
    error = ValueError("wrong\nin two lines")
    with caplog.at_level(logging.INFO):
        answer = ref.ask(error)
        dispatcher.run_until_idle()
    assert outcome(answer) is error
    assert notes[:2] == ["start", error]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is None
    assert "\n" not in caplog.text.rstrip("\n")
    assert "ValueError" in record.message
    assert "test_actor.py" in record.message, "the line says where"


def test_the_same_rule_holds_for_tell(
    dispatcher: ManualDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[Any] = []
    ref = Clerk.start(dispatcher, notes)
    error = ValueError()
    ref.tell(error)
    dispatcher.run_until_idle()
    assert notes == ["start", error]
    assert len(caplog.records) == 1
    assert ref.is_alive()


def test_an_error_stops_only_those_who_say_so(dispatcher: ManualDispatcher) -> None:
    steady, fragile = Clerk.start(dispatcher), Fragile.start(dispatcher)
    for ref in (steady, fragile):
        ref.tell(ValueError())
    left_over = fragile.ask(1)
    dispatcher.run_until_idle()
    assert steady.is_alive()
    assert not fragile.is_alive()
    assert isinstance(outcome(left_over), ActorDeadError)


def test_a_refusal_that_its_asker_has_heard_of_is_no_error_in_the_log(
    dispatcher: ManualDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    ref = Clerk.start(dispatcher)
    with caplog.at_level(logging.INFO):
        heard = ref.ask(RefusedError("no"))
        dispatcher.run_until_idle()
    assert isinstance(outcome(heard), RefusedError)
    assert caplog.records == []
    ref.tell(RefusedError("nobody hears this"))
    dispatcher.run_until_idle()
    assert len(caplog.records) == 1


def test_mail_with_its_own_reply_hears_of_the_error(dispatcher: ManualDispatcher) -> None:
    ref = Clerk.start(dispatcher)
    error = ValueError()
    letter = Letter(error)
    ref.tell(letter)
    dispatcher.run_until_idle()
    assert letter.errors == [error]


def test_mail_with_its_own_reply_hears_that_the_actor_stopped_before_it(
    dispatcher: ManualDispatcher,
) -> None:
    ref = Clerk.start(dispatcher)
    letters = [Letter(1), Letter(2)]
    ref.tell(letters[0])
    ref.stop()
    ref.tell(letters[1])
    dispatcher.run_until_idle()
    assert letters[0].errors == []
    assert [type(error) for error in letters[1].errors] == [ActorDeadError]


def test_a_reply_that_fails_itself_does_not_keep_others_from_theirs(
    dispatcher: ManualDispatcher,
) -> None:
    class BadLetter(Letter):
        def fail(self, error: BaseException) -> None:
            raise KeyError from error

    ref = Clerk.start(dispatcher)
    ref.stop()
    ref.tell(BadLetter())
    answer = ref.ask(1)
    dispatcher.run_until_idle()
    assert isinstance(outcome(answer), ActorDeadError)


def test_an_answer_may_come_long_after_on_receive_returned(
    dispatcher: ManualDispatcher,
) -> None:
    later: list[Future[str]] = []

    class Deferring(LightActor):
        def on_receive(self, message: object) -> Future[str]:
            later.append(Future())
            return later[-1]

    ref = Deferring.start(dispatcher)
    good, bad = ref.ask("a"), ref.ask("b")
    dispatcher.run_until_idle()
    assert not good.done()
    later[0].resolve("durable")
    later[1].fail(StoppingError("planted"))
    assert good.get() == "durable"
    assert isinstance(outcome(bad), StoppingError)


def test_an_ask_without_an_answer_ends_at_its_deadline(
    dispatcher: ManualDispatcher, clock: ManualClock
) -> None:
    ref = Clerk.start(dispatcher)
    answer = ref.ask(1, deadline_ms=500)
    clock.advance(499)
    assert not answer.done()
    clock.advance(1 + DEADLINE_GRAIN_MS)
    assert isinstance(outcome(answer), DeadlineExceededError)
    dispatcher.run_until_idle()
    assert isinstance(outcome(answer), DeadlineExceededError), "a late answer changes nothing"


def test_stopping_handles_what_was_there_and_refuses_what_comes_later(
    dispatcher: ManualDispatcher,
) -> None:
    notes: list[Any] = []
    ref = Clerk.start(dispatcher, notes)
    before = ref.ask(1)
    stops = [ref.stop(), ref.stop()]
    between = ref.ask(2)
    dispatcher.run_until_idle()
    assert before.get() == 1
    assert [stop.get() for stop in stops] == [True, True]
    assert isinstance(outcome(between), ActorDeadError)
    assert notes == ["start", 1, "stop"]
    assert isinstance(outcome(ref.ask(3)), ActorDeadError)
    with pytest.raises(ActorDeadError):
        ref.tell(3)
    assert ref.stop().get() is False
    assert dispatcher.actor_count == 0


def test_a_stopped_actor_is_freed_without_the_collector(dispatcher: ManualDispatcher) -> None:
    gc.collect()
    gc.disable()
    try:
        ref = Clerk.start(dispatcher)
        gone = ref._actor_weakref
        ref.ask(1)
        ref.stop()
        dispatcher.run_until_idle()
        assert gone() is None
    finally:
        gc.enable()


def test_a_failed_answer_is_freed_without_the_collector(dispatcher: ManualDispatcher) -> None:
    ref = Clerk.start(dispatcher)
    gc.collect()
    gc.disable()
    try:
        failed = ref.ask(ValueError())
        dispatcher.run_until_idle()
        assert failed.done()
        gone = weakref.ref(failed)
        del failed
        assert gone() is None
    finally:
        gc.enable()


def test_an_actor_that_cannot_start_takes_no_mail(dispatcher: ManualDispatcher) -> None:
    class Stillborn(Clerk):
        def on_start(self) -> None:
            raise OSError("no store")

    notes: list[Any] = []
    ref = Stillborn.start(dispatcher, notes)
    answer = ref.ask(1)
    dispatcher.run_until_idle()
    assert isinstance(outcome(answer), ActorDeadError)
    assert [type(note) for note in notes[:1]] == [OSError]
    assert notes[1:] == ["stop"]


def test_errors_in_the_hooks_do_not_keep_mail_unanswered(
    dispatcher: ManualDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Hopeless(Clerk):
        def on_error(self, error: BaseException) -> None:
            raise RuntimeError("again")

        def on_stop(self) -> None:
            raise RuntimeError("and again")

    ref = Hopeless.start(dispatcher)
    answers = [ref.ask(ValueError()), ref.ask(1)]
    dispatcher.run_until_idle()
    assert [type(outcome(answer)) for answer in answers] == [ValueError, ActorDeadError]
    assert not ref.is_alive()
    places = [record.message.split(": ")[0].split(" in ")[-1] for record in caplog.records]
    assert places == ["ValueError", "on_error", "on_stop"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(2)])
def test_an_interrupt_leaves_the_dispatcher_after_all_mail_was_answered(
    dispatcher: ManualDispatcher, error: BaseException
) -> None:
    notes: list[Any] = []
    ref = Clerk.start(dispatcher, notes)
    letter = Letter()
    answers = [ref.ask(error), ref.ask(1)]
    ref.tell(letter)
    with pytest.raises(type(error)):
        dispatcher.run_until_idle()
    assert [type(outcome(answer)) for answer in answers] == [ActorDeadError] * 2
    assert [type(one) for one in letter.errors] == [ActorDeadError]
    assert not ref.is_alive()
    assert dispatcher.run_until_idle() == 0
    assert notes == ["start"], "no more of the actor's code runs"


def test_pykkas_proxies_work(dispatcher: ManualDispatcher) -> None:
    proxy = Clerk.start(dispatcher).proxy()
    doubled = proxy.double(21)
    proxy.limit = 11
    limit = proxy.limit
    failed = proxy.double(None)
    dispatcher.run_until_idle()
    assert doubled.get() == 42
    assert limit.get() == 11
    assert isinstance(outcome(failed), TypeError)


def test_pykkas_own_failure_hook_is_called_too(dispatcher: ManualDispatcher) -> None:
    seen: list[object] = []

    class Classic(LightActor):
        def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
            seen.append(exception_type)

        def on_receive(self, message: Any) -> None:
            raise message

    Classic.start(dispatcher).tell(KeyError())
    dispatcher.run_until_idle()
    assert seen == [KeyError]


def test_light_actors_stay_out_of_pykkas_registry(dispatcher: ManualDispatcher) -> None:
    Clerk.start(dispatcher)
    assert pykka.ActorRegistry.get_all() == []


def test_an_actor_may_stop_itself(dispatcher: ManualDispatcher) -> None:
    class Mayfly(Clerk):
        def on_receive(self, message: Any) -> Any:
            self.stop()
            return super().on_receive(message)

    notes: list[Any] = []
    answer = Mayfly.start(dispatcher, notes).ask(1)
    dispatcher.run_until_idle()
    assert answer.get() == 1
    assert notes == ["start", 1, "stop"]
