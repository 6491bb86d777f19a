"""The runtime under threads that are made to switch all the time.

What must hold for every interleaving: per-sender order, one mail at a time, no lost wake-up, and
an answer to every ask however it races with the actor's end. Nothing here sleeps or measures;
a lost wake-up or a forgotten answer shows as a future that is not done.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import uvloop

from seriatim.actors.runtime import mailbox
from seriatim.actors.runtime.actor import LightActor, LightRef
from seriatim.actors.runtime.dispatcher import Dispatcher, LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import ActorDeadError, OverloadedError

PATIENCE_S = 60
RUNTIME = str(Path(mailbox.__file__).parent)


@pytest.fixture(autouse=True, params=["interval", "line"])
def rounds(request: pytest.FixtureRequest) -> Iterator[int]:
    """Make threads switch all the time; return a factor for how much work to do meanwhile.

    ``interval``: about every ten microseconds, where the interpreter looks for it: at calls and
    loops. ``line``: at every line of the runtime, which is what shows a missing lock.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    traced = threading.gettrace()
    if request.param == "line":
        threading.settrace(switch_at_lines)
        yield 1
        threading.settrace(traced)
    else:
        yield 10
    sys.setswitchinterval(before)


def switch_at_lines(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
    """Trace: give the interpreter to another thread at every line of the runtime."""
    if event == "line":
        time.sleep(0)
    elif not frame.f_code.co_filename.startswith(RUNTIME):
        return None
    return switch_at_lines


@pytest.fixture(params=["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def dispatcher(request: pytest.FixtureRequest) -> Iterator[LoopDispatcher]:
    """Return a dispatcher on a loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop() if request.param == "asyncio" else uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = LoopDispatcher(loop)
    yield running
    closed = threading.Event()
    loop.call_soon_threadsafe(running.close)
    loop.call_soon_threadsafe(closed.set)
    assert closed.wait(PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


class Checker(LightActor):
    """Checks, mail by mail, that it is alone and that senders' numbers grow one by one."""

    mailbox_max = 1_000_000

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self.last: dict[int, int] = {}
        self.faults: list[str] = []
        self.inside = 0

    def on_receive(self, message: Any) -> Any:
        self.inside += 1
        if self.inside != 1:
            self.faults.append("two at once")
        if message is None:
            answer: Any = (dict(self.last), list(self.faults))
        else:
            sender, number = message
            if number != self.last.get(sender, -1) + 1:
                self.faults.append(f"{sender}: {number} after {self.last.get(sender)}")
            self.last[sender] = number
            answer = number
        self.inside -= 1
        return answer


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run *work* in *count* threads at once; raise the first error of any."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait(PATIENCE_S)
            work(number)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_each_senders_mail_is_handled_in_order_and_one_at_a_time(
    dispatcher: LoopDispatcher, rounds: int
) -> None:
    refs = [Checker.start(dispatcher) for _ in range(8)]
    mails = 30 * rounds

    def send(sender: int) -> None:
        for number in range(mails):
            for ref in refs:
                ref.tell((sender, number))

    in_threads(5, send)
    for ref in refs:
        last, faults = ref.ask(None).get(timeout=PATIENCE_S)
        assert faults == []
        assert last == dict.fromkeys(range(5), mails - 1)


def test_no_wake_up_is_lost_when_mail_meets_the_end_of_a_batch(
    dispatcher: LoopDispatcher, rounds: int
) -> None:
    """Each ask finds the actor just going idle: one at a time per thread, nothing else waiting."""
    ref = Checker.start(dispatcher)

    def ask(sender: int) -> None:
        for number in range(60 * rounds):
            assert ref.ask((sender, number)).get(timeout=PATIENCE_S) == number

    in_threads(3, ask)


def test_every_ask_is_answered_however_it_races_with_the_stop(
    dispatcher: LoopDispatcher, rounds: int
) -> None:
    outcomes = {"answered": 0, "dead": 0}
    lock = threading.Lock()
    for _ in range(20 * rounds):
        ref = Checker.start(dispatcher)
        asked: list[Future[Any]] = []

        def work(
            number: int, ref: LightRef[Checker] = ref, asked: list[Future[Any]] = asked
        ) -> None:
            if number == 0:
                asked.append(ref.ask(None))
                asked.append(ref.stop())
                return
            mine = [ref.ask((number, turn)) for turn in range(20)]
            with lock:
                asked.extend(mine)

        in_threads(4, work)
        for future in asked:
            try:
                future.get(timeout=PATIENCE_S)
                outcomes["answered"] += 1
            except ActorDeadError:
                outcomes["dead"] += 1
    assert min(outcomes.values()) > 0, "the race was not met from both sides"


def test_every_accepted_mail_is_answered_when_the_dispatcher_closes_under_it() -> None:
    for _ in range(10):
        loop = asyncio.new_event_loop()
        running = threading.Thread(target=loop.run_forever)
        running.start()
        dispatcher = LoopDispatcher(loop)
        refs = [Checker.start(dispatcher) for _ in range(4)]
        asked: list[list[Future[Any]]] = [[] for _ in range(4)]

        def work(
            number: int,
            loop: asyncio.AbstractEventLoop = loop,
            dispatcher: LoopDispatcher = dispatcher,
            refs: list[LightRef[Checker]] = refs,
            asked: list[list[Future[Any]]] = asked,
        ) -> None:
            for turn in range(30):
                asked[number].append(refs[turn % 4].ask(None))
                if number == 0 and turn == 15:
                    loop.call_soon_threadsafe(dispatcher.close)
                    loop.call_soon_threadsafe(loop.stop)

        in_threads(4, work)
        running.join(PATIENCE_S)
        loop.close()
        for future in (one for some in asked for one in some):
            assert future.done()


def test_a_bounded_mailbox_never_holds_more_however_many_fill_it(
    dispatcher: LoopDispatcher,
) -> None:
    gate = threading.Event()

    class Gated(Checker):
        mailbox_max = 50

        def on_receive(self, message: Any) -> Any:
            assert gate.wait(PATIENCE_S)
            return message

    ref = Gated.start(dispatcher)
    ref.tell("holds the loop")
    while not ref.actor_inbox.empty():
        pass
    accepted = [0] * 4

    def fill(number: int) -> None:
        for _ in range(100):
            try:
                ref.tell(1)
            except OverloadedError:
                continue
            accepted[number] += 1

    in_threads(4, fill)
    assert (sum(accepted), len(ref.actor_inbox)) == (50, 50)
    gate.set()
    assert ref.stop().get(timeout=PATIENCE_S) is True


def test_a_future_is_settled_once_whoever_comes_first(rounds: int) -> None:
    for _ in range(50 * rounds):
        future: Future[int] = Future()
        won: list[int] = []
        heard: list[int] = []

        def settle(
            number: int,
            future: Future[int] = future,
            won: list[int] = won,
            heard: list[int] = heard,
        ) -> None:
            future.add_done_callback(lambda one: heard.append(one.get()))
            if future.resolve(number):
                won.append(number)

        in_threads(3, settle)
        assert len(won) == 1
        assert heard == won * 3
