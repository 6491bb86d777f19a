"""The heart of a queue against a model of it: whatever is asked, in whatever order it comes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from seriatim.actors.queue import checks, fence, lanes, machine, people, retention
from seriatim.actors.queue.commands import Claim
from seriatim.actors.queue.lanes import Lanes
from seriatim.actors.queue.leases import Leases
from seriatim.actors.queue.machine import QueueMachine
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.actors.queue.retention import forget_what_is_old
from seriatim.actors.queue.waiting import Waiter
from seriatim.formats.jobs import fold, pace
from seriatim.formats.jobs.fold import Event, QueueFold
from seriatim.formats.jobs.job import Job, Spec
from seriatim.formats.jobs.state import IllegalMoveError, JobState
from seriatim.formats.limits import QUEUE_WANTED_PAUSE_MS
from seriatim.store.tree.tree import Tree
from tests.support import stepped_queue
from tests.support.queue_traffic import WEIGHTS, QueueTraffic, simulate
from tests.support.stepped_queue import SteppedQueue

IS_NIGHTLY = settings.get_current_profile_name() == "nightly"
LIVES = int(os.environ.get("SERIATIM_SIMULATIONS", "1000" if IS_NIGHTLY else "40"))
SOME_LIVES = 5
FIRST_SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "0"))
STEPS = 250

# What a run has to come by, or it has shown nothing.
MUST_BE_SEEN = {
    "a lease outlives its node",
    "a local worker is lost with its node",
    "a local worker outlives what its queue has in memory",
    "a lease is over",
    "a job is due",
    "an instant has come",
    "an instant waits for the wall clock",
    "the time of a queue is ahead of the wall clock",
    *(f"ended {state}" for state in ("done", "failed", "dead", "cancelled")),
    "a child is failed by its parent",
    "a child is cancelled by its parent",
    "a child is unblocked",
    "a forward reference",
    "a crash, and again",
    "a failure, and again",
    "given back",
    "a deadline is over",
    "a worker is to stop",
    "stops are said to who waits",
    "a job waits for room",
    "a job waits for its rate",
    "a rate wakes",
    "a command is granted",
    "granted",
    "a result goes on",
    *(f"refused: {each}" for each in ("conflict", "bad_job", "queue_full", "no_such_token")),
    *(f"refused: {each}" for each in ("not_found", "cycle", "wanted")),
    "submitted again",
    "a double by its unique key",
    "a batch waits for a double",
    "a job waits for a double",
    "a retry would be a double",
    "a unique key is free after its window",
    "an old token is refused",
    "a lease is another worker's",
    "a worker hears that it has lost a job",
    "retried, pending",
    "retried, scheduled",
    "retried, blocked",
    "another priority",
    "removed",
    "purged",
    "forgotten",
    "a restart",
    "a slot has failed",
    "a slot is in doubt",
    "a claim has waited long enough",
    "a claim takes the place of the last one",
    "whoever is silent is granted nothing",
    "a job prints something",
    "what is printed is refused",
    "what was printed is forgotten",
}


@pytest.fixture(autouse=True)
def _few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it look at as few rows at once that some stand behind those that are wanted."""
    monkeypatch.setattr(retention, "_ROWS_AT_ONCE", 2)


class QueueMachineRules(RuleBasedStateMachine):
    """Hypothesis says who is next, and a seed what he does."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.traffic = QueueTraffic(Random(seed), Counter())

    @rule(act=st.sampled_from(sorted(WEIGHTS)))
    def act(self, act: str) -> None:
        getattr(self.traffic, act)()

    def teardown(self) -> None:
        if hasattr(self, "traffic"):
            self.traffic.finish()


QueueMachineRules.TestCase.settings = settings(stateful_step_count=60)
TestQueueMachine = QueueMachineRules.TestCase


def test_a_queue_does_what_its_model_says_for_some_lives() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + SOME_LIVES):
        simulate(seed, STEPS, Counter())


@pytest.mark.slow
@pytest.mark.long
def test_a_queue_does_what_its_model_says() -> None:
    """``SERIATIM_SIMULATIONS`` says how many lives, ``SERIATIM_FIRST_SEED`` where to begin."""
    seen: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + LIVES):
        simulate(seed, STEPS, seen)
    assert not [each for each in sorted(MUST_BE_SEEN) if not seen[each]]


def a_crash_that_does_not_count(patch: pytest.MonkeyPatch) -> None:
    def expired(own: QueueFold, event: Event) -> None:
        fold._APPLY["failed"](own, event)

    patch.setitem(fold._APPLY, "expired", expired)


def a_fence_that_lets_old_tokens_through(patch: pytest.MonkeyPatch) -> None:
    def leased(own: QueueFold, event: Event) -> Job:
        own._touch(own.live[event["id"]])
        return own.live[event["id"]]

    def why_fenced(own: QueueFold, worker: str, job: str, token: int) -> str:
        found = own.live.get(job)
        return "" if found is not None and found.state is JobState.LEASED else "it is over"

    patch.setattr(QueueFold, "_leased", leased)
    patch.setattr(machine, "why_fenced", why_fenced)


def a_fence_that_lets_other_workers_through(patch: pytest.MonkeyPatch) -> None:
    def why_fenced(own: QueueFold, worker: str, job: str, token: int) -> str:
        found = own.live.get(job)
        return fence.why_fenced(own, found.worker if found else worker, job, token)

    patch.setattr(machine, "why_fenced", why_fenced)


def a_child_that_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QueueFold, "_told_children", lambda own, parent: ())


def a_token_that_is_given_back_twice(patch: pytest.MonkeyPatch) -> None:
    def give_back(own: QueueFold, job: Job) -> None:
        own.running[job.type] -= 1
        for token, count in job.takes:
            own.in_use[token] -= 2 * count
            own.effects.freed.add(token)

    patch.setattr(QueueFold, "_give_back", give_back)


def a_window_that_is_too_long_by_one(patch: pytest.MonkeyPatch) -> None:
    double_of = checks.double_of

    def later(fold: QueueFold, spec: Spec) -> str | None:
        unique = spec.get("unique", {})
        if "window_ms" in unique:
            unique = {**unique, "window_ms": unique["window_ms"] + 1}
            spec = {**spec, "unique": unique}
        return double_of(fold, spec)

    patch.setattr(machine, "double_of", later)


def a_change_without_its_row(patch: pytest.MonkeyPatch) -> None:
    def cancelling(own: QueueFold, event: Event) -> None:
        own.live[event["id"]].cancelling = event["reason"]

    patch.setitem(fold._APPLY, "cancelling", cancelling)


def jobs_in_the_order_of_their_submission(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lanes, "_key", lambda job: (0, *job.order))


def a_lease_that_is_not_renewed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leases, "renew", lambda own, job, monotonic_ms: None)


def results_that_are_forgotten_though_they_are_wanted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QueueFold, "is_wanted", lambda own, job: False)


def a_rate_that_is_too_fast(patch: pytest.MonkeyPatch) -> None:
    free_from_ms = pace.free_from_ms
    patch.setattr(lanes, "free_from_ms", lambda paced, rate: free_from_ms(paced, rate) - 1)


def a_rate_that_nobody_wakes_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lanes, "free_at_ms", lambda own, now_ms: None)


def a_local_worker_that_outlives_its_node(patch: pytest.MonkeyPatch) -> None:
    def claim(own: QueueMachine, said: Claim) -> Waiter:
        waiter: Waiter = do_claim(own, said._replace(is_local=False))
        return waiter

    do_claim = machine._DO[Claim]
    patch.setitem(machine._DO, Claim, claim)


def a_slot_that_fails_and_takes_the_local_workers_along(patch: pytest.MonkeyPatch) -> None:
    def begin(own: QueueMachine, wall_ms: int, monotonic_ms: int) -> None:
        own.found_slot = own.fold.slot
        do_begin(own, wall_ms, monotonic_ms)

    do_begin = QueueMachine.begin
    patch.setattr(QueueMachine, "begin", begin)


def a_double_that_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_check_doubles", lambda fold, fresh: None)


def a_retry_beside_a_double(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(people, "check_retry", lambda fold, job: None)


def a_retry_that_is_under_its_key_no_more(patch: pytest.MonkeyPatch) -> None:
    def retried(own: QueueFold, event: Event) -> None:
        changed = dict(own.uniques.changed)
        do_retried(own, event)
        own.uniques.changed = changed

    do_retried = fold._APPLY["retried"]
    patch.setitem(fold._APPLY, "retried", retried)


def a_retry_that_waits_for_no_time(patch: pytest.MonkeyPatch) -> None:
    def retried(own: QueueFold, event: Event) -> None:
        at_ms, own.at_ms = own.at_ms, 2**62
        do_retried(own, event)
        own.at_ms = at_ms

    do_retried = fold._APPLY["retried"]
    patch.setitem(fold._APPLY, "retried", retried)


def a_look_that_goes_no_further_than_the_first_rows(patch: pytest.MonkeyPatch) -> None:
    def forget(own: QueueMachine, tree: Tree) -> None:
        events, own.retention.after = len(own.events), None
        forget_what_is_old(own, tree)
        if len(own.events) == events:
            own.retention.rest(own.fold.at_ms + QUEUE_WANTED_PAUSE_MS)

    patch.setattr(stepped_queue, "forget_what_is_old", forget)


def a_time_that_stands_still_while_the_wall_clock_is_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        QueueTime, "read", lambda own, wall_ms, monotonic_ms, last_ms: max(wall_ms, last_ms)
    )


def a_delay_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "is_due_by_wall", True)


def an_instant_by_the_time_of_its_queue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "is_due_by_wall", False)


def a_slot_that_fails_and_takes_the_time_along(patch: pytest.MonkeyPatch) -> None:
    def read(own: SteppedQueue) -> None:
        own.time = QueueTime()
        do_read(own)

    do_read = SteppedQueue._read
    patch.setattr(SteppedQueue, "_read", read)


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant",
    [
        a_crash_that_does_not_count,
        a_fence_that_lets_old_tokens_through,
        a_fence_that_lets_other_workers_through,
        a_child_that_is_not_told,
        a_token_that_is_given_back_twice,
        a_window_that_is_too_long_by_one,
        a_change_without_its_row,
        jobs_in_the_order_of_their_submission,
        a_lease_that_is_not_renewed,
        results_that_are_forgotten_though_they_are_wanted,
        a_rate_that_is_too_fast,
        a_rate_that_nobody_wakes_for,
        a_local_worker_that_outlives_its_node,
        a_slot_that_fails_and_takes_the_local_workers_along,
        a_double_that_is_waited_for,
        a_retry_beside_a_double,
        a_retry_that_is_under_its_key_no_more,
        a_retry_that_waits_for_no_time,
        a_look_that_goes_no_further_than_the_first_rows,
        a_time_that_stands_still_while_the_wall_clock_is_behind,
        a_delay_by_the_wall_clock,
        an_instant_by_the_time_of_its_queue,
        a_slot_that_fails_and_takes_the_time_along,
    ],
)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, IllegalMoveError, KeyError)):
        # Some show only where two things happen in one millisecond.
        for seed in range(10 * LIVES):
            simulate(seed, STEPS, Counter())
