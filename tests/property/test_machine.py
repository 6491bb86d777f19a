"""The scheduler against a list: whatever happens, in whatever order, no promise is broken."""

from __future__ import annotations

import os
from itertools import chain
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import NODE, spawn, unsigned
from tests.support.faulty_log import Fault
from tests.support.nodes import START_MS, SteppedScheduler
from tests.support.strategies import known_wallet
from tests.support.traffic import MESSAGES, PROCESSES, Traffic, simulate

IS_NIGHTLY = settings.get_current_profile_name() == "nightly"
SEEDS = int(os.environ.get("SERIATIM_SIMULATIONS", "1000" if IS_NIGHTLY else "50"))
FIRST_SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "0"))

processes = st.integers(0, PROCESSES - 1)
numbers = st.integers(0, MESSAGES - 1)


class SchedulerMachine(RuleBasedStateMachine):
    """Clients, faults and time, as hypothesis likes."""

    @initialize(seed=st.integers(0, 2**16), spawned=st.sets(processes, min_size=1))
    def start(self, seed: int, spawned: set[int]) -> None:
        self.traffic = Traffic(Random(seed))
        for process in sorted(spawned):
            self.traffic.post(process, None)

    @rule(process=processes, number=st.none() | numbers, copies=st.integers(1, 4))
    def post(self, process: int, number: int | None, copies: int) -> None:
        self.traffic.post(process, number, copies=copies)

    @rule(process=processes, number=numbers)
    def post_alone(self, process: int, number: int) -> None:
        self.traffic.post_alone(process, number)

    @rule(process=processes, number=numbers)
    def post_unsigned(self, process: int, number: int) -> None:
        self.traffic.post_unsigned(process, number)

    @rule(process=processes, number=numbers)
    def post_reference(self, process: int, number: int) -> None:
        self.traffic.post_reference(process, number)

    @rule(count=st.integers(1, 12))
    def turn(self, count: int) -> None:
        self.traffic.turn(count)

    @rule(fault=st.none() | st.sampled_from(Fault))
    def commit(self, fault: Fault | None) -> None:
        self.traffic.commit(fault)

    @rule()
    def settle(self) -> None:
        self.traffic.settle()

    @rule(is_written=st.booleans())
    def restart(self, is_written: bool) -> None:
        self.traffic.restart(is_written=is_written)

    @rule(delay_ms=st.sampled_from([1, 1_000, 40_000, 900_000]))
    def advance(self, delay_ms: int) -> None:
        self.traffic.advance(delay_ms)

    @rule(delay_ms=st.sampled_from([1, 1_000, 10**9]))
    def set_clock_back(self, delay_ms: int) -> None:
        self.traffic.set_clock_back(delay_ms)

    @rule(process=processes, sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3))
    def page(self, process: int, sizes: list[int]) -> None:
        self.traffic.page(process, sizes)

    @invariant()
    def no_promise_is_broken(self) -> None:
        if hasattr(self, "traffic"):
            self.traffic.check()

    def teardown(self) -> None:
        if hasattr(self, "traffic"):
            self.traffic.settle()
            self.traffic.check_all_bytes()


SchedulerMachine.TestCase.settings = settings(stateful_step_count=40)
TestSchedulerMachine = SchedulerMachine.TestCase


@given(
    clients=st.integers(1, 6),
    count=st.integers(1, 8),
    variant=st.sampled_from(Variant),
    seed=st.integers(0, 2**16),
    pauses=st.lists(st.integers(1, 20), min_size=1, max_size=8),
)
def test_n_clients_with_m_messages_get_exactly_n_times_m_slots(
    clients: int, count: int, variant: Variant, seed: int, pauses: list[int]
) -> None:
    """Whatever arrives during which commit, and in whatever order the actors run."""
    stepped = SteppedScheduler(
        MemoryLog(), clock=ManualClock(START_MS), random=Random(seed), wallet=known_wallet(NODE)
    )
    place = stepped.ask(spawn(variant, "clients")).process
    waiting = [
        [unsigned(place, f"{client}/{number}") for number in range(count)]
        for client in range(clients)
    ]
    replies: list[list[Future[Receipt]]] = [[] for _ in range(clients)]
    turn = 0
    while any(waiting):
        for client, rest in enumerate(waiting):
            # One after the other: a client that has no answer sends nothing.
            if rest and all(reply.done() for reply in replies[client]):
                replies[client].append(stepped.submit(rest.pop(0)))
        for _ in range(pauses[turn % len(pauses)]):
            stepped.turn()
        if stepped.writer.held and turn % 3:
            stepped.writer.release()
        turn += 1
    stepped.settle()
    slots = [[reply.get(timeout=0).slot for reply in each] for each in replies]
    assert sorted(chain.from_iterable(slots)) == list(range(1, clients * count + 1))
    assert all(each == sorted(each) for each in slots), "a client's order is slot order"


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_simulation_breaks_no_promise(seed: int) -> None:
    """``SERIATIM_SIMULATIONS`` says how many, ``SERIATIM_FIRST_SEED`` where to begin."""
    traffic = simulate(seed)
    kept = (MESSAGES + 1) * PROCESSES
    assert len(traffic.acknowledged) >= kept, "everything was sent once more, without a fault"
