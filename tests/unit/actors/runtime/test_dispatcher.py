"""Dispatchers: fairness, turns, closing, and the same seed for the same trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from seriatim.actors.runtime.actor import LightActor, LightRef
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.dispatcher import (
    Dispatcher,
    LoopDispatcher,
    ManualDispatcher,
)
from seriatim.formats.errors import ActorDeadError, DeadlineExceededError, StoppingError
from seriatim.formats.limits import DISPATCH_TURN_MAX, MAIL_BATCH_MAX

Run = Callable[[Coroutine[Any, Any, None]], None]


class Scribe(LightActor):
    """Writes its name for each mail; passes numbers on, one less, to its neighbour."""

    def __init__(self, dispatcher: Dispatcher, name: str, trace: list[str]) -> None:
        super().__init__(dispatcher)
        self.name = name
        self.trace = trace
        self.neighbour: LightRef[Scribe] | None = None

    def on_stop(self) -> None:
        self.trace.append(f"{self.name} stops")

    def on_receive(self, message: Any) -> str:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, LightRef):
            self.neighbour = message
        elif message:
            self.trace.append(self.name)
            if self.neighbour is not None:
                self.neighbour.tell(message - 1)
        return self.name


def test_between_two_batches_of_a_flooded_actor_the_others_get_one(run: Run) -> None:
    async def main() -> None:
        dispatcher = LoopDispatcher(asyncio.get_running_loop())
        trace: list[str] = []
        flooded, other = (Scribe.start(dispatcher, name, trace) for name in "fo")
        for _ in range(MAIL_BATCH_MAX * 10):
            flooded.tell(1)
        for _ in range(MAIL_BATCH_MAX * 2):
            other.tell(1)
        await flooded.ask(0)
        batches = "".join(trace).replace("f" * MAIL_BATCH_MAX, "F")
        batches = batches.replace("o" * MAIL_BATCH_MAX, "O")
        assert batches == "FOFOFFFFFFFF"
        dispatcher.close()

    run(main())


def test_a_turn_ends_so_that_the_loop_can_look_at_its_sockets(run: Run) -> None:
    async def main() -> None:
        dispatcher = LoopDispatcher(asyncio.get_running_loop())
        trace: list[str] = []
        actors = [Scribe.start(dispatcher, "a", trace) for _ in range(100)]
        for ref in actors:
            for _ in range(MAIL_BATCH_MAX):
                ref.tell(1)
        seen = []
        while len(trace) < 100 * MAIL_BATCH_MAX:
            seen.append(len(trace))
            await asyncio.sleep(0)
        turns = [after - before for before, after in pairwise(seen)]
        assert max(turns) <= DISPATCH_TURN_MAX
        dispatcher.close()

    run(main())


def test_an_interrupt_reaches_the_loop_and_the_others_keep_their_place() -> None:
    loop = asyncio.new_event_loop()
    dispatcher = LoopDispatcher(loop)
    trace: list[str] = []
    first, second = (Scribe.start(dispatcher, name, trace) for name in "ab")
    first.tell(KeyboardInterrupt())
    answer = second.ask(1)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert not first.is_alive()
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert answer.get(timeout=0) == "b"
    dispatcher.close()
    loop.close()


def test_deadlines_run_on_the_loop(run: Run) -> None:
    async def main() -> None:
        clock = ManualClock()
        dispatcher = LoopDispatcher(asyncio.get_running_loop(), clock)

        class Silent(LightActor):
            def on_receive(self, message: object) -> object:
                return asyncio_never

        asyncio_never = Silent._create_future()
        answer = Silent.start(dispatcher).ask(1, deadline_ms=1_000)
        clock.advance(2_000)
        with pytest.raises(DeadlineExceededError):
            await answer
        dispatcher.close()

    run(main())


def test_asks_from_a_thread_have_deadlines_too(run: Run) -> None:
    async def main() -> None:
        clock = ManualClock()
        dispatcher = LoopDispatcher(asyncio.get_running_loop(), clock)
        ref = Scribe.start(dispatcher, "a", [])
        answer = await asyncio.to_thread(ref.ask, 1, deadline_ms=1_000)
        assert await answer == "a"
        await asyncio.sleep(0)
        assert clock.due_ms() == 1_000
        assert await asyncio.to_thread(ref.ask, 1, block=True, timeout=60) == "a"
        dispatcher.close()

    run(main())


def test_a_closed_dispatcher_has_stopped_all_in_order_and_starts_none(run: Run) -> None:
    async def main() -> None:
        dispatcher = LoopDispatcher(asyncio.get_running_loop())
        trace: list[str] = []
        refs = [Scribe.start(dispatcher, name, trace) for name in "abc"]
        await refs[2].ask(1)
        waiting = refs[0].ask(1)
        dispatcher.close()
        assert trace == ["c", "a stops", "b stops", "c stops"]
        with pytest.raises(ActorDeadError):
            await waiting
        with pytest.raises(StoppingError):
            Scribe.start(dispatcher, "d", trace)
        assert dispatcher.actor_count == 0
        dispatcher.close()
        await asyncio.sleep(0)
        assert len(trace) == 4

    run(main())


def test_mail_to_a_closed_loop_without_close_is_an_error_for_its_sender() -> None:
    loop = asyncio.new_event_loop()
    dispatcher = LoopDispatcher(loop)
    loop.close()
    with pytest.raises(RuntimeError):
        Scribe.start(dispatcher, "a", [])


def trace_of(seed: int) -> list[str]:
    dispatcher = ManualDispatcher(ManualClock(), Random(seed))
    trace: list[str] = []
    refs = [Scribe.start(dispatcher, name, trace) for name in "abcde"]
    for ref, neighbour in zip(refs, refs[1:] + refs[:1], strict=True):
        ref.tell(neighbour)
        ref.tell(7)
    dispatcher.run_until_idle()
    return trace


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    assert trace_of(1) == trace_of(1)
    assert len({tuple(trace_of(seed)) for seed in range(20)}) > 10


def test_a_step_is_one_mail(dispatcher: ManualDispatcher) -> None:
    trace: list[str] = []
    ref = Scribe.start(dispatcher, "a", trace)
    ref.tell(1)
    ref.tell(1)
    assert dispatcher.step()
    assert trace == ["a"]
    assert dispatcher.step()
    assert not dispatcher.step()
    assert trace == ["a", "a"]


def test_actors_that_never_rest_are_reported(dispatcher: ManualDispatcher) -> None:
    class Restless(LightActor):
        def on_receive(self, message: object) -> None:
            self.actor_ref.tell(message)

    Restless.start(dispatcher).tell(1)
    with pytest.raises(RuntimeError, match="still have mail after 50 steps"):
        dispatcher.run_until_idle(50)
