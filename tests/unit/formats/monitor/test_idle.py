"""Idle: never while a job is anywhere, and with the slots at which it is so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.state import ENDED, LIVE, JobState
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.monitor.beat import Beat
from seriatim.formats.monitor.flags import Flags, decode_flags, encode_flags
from seriatim.formats.monitor.idle import idle_of
from seriatim.formats.monitor.sight import QueueSight, TriggerSight
from tests.support.sights import AT_MS, queue_of, sight_of
from tests.support.statuses import status_of

STATES = st.dictionaries(st.sampled_from(JobState), st.integers(1, 3))
QUEUES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), STATES), max_size=3)


@given(QUEUES)
def test_a_job_that_has_not_ended_is_never_overlooked(
    said: list[tuple[str, int, dict[JobState, int]]],
) -> None:
    queues = [queue_of(name, slot, **dict(states)) for name, slot, states in said]
    idle = idle_of(sight_of(*queues))
    assert idle.is_idle is all(set(states) <= set(ENDED) for _, _, states in said)
    assert idle.is_idle is not bool(idle.reasons)
    assert idle.slots == {queue.name: queue.slot for queue in queues}


@pytest.mark.parametrize("state", LIVE)
def test_each_state_that_is_no_end_is_a_reason(state: JobState) -> None:
    idle = idle_of(sight_of(queue_of("q", 7, done=5, **{state: 2})))
    assert idle.reasons == [f"queue q has 2 {state}"]


def test_a_worker_that_runs_something_is_busy() -> None:
    beat = Beat(status_of("w", 1, RunningJob("j", "render", 1)), 0)
    busy = idle_of(sight_of(queue_of("default", 1, leased=1), beats=[beat]))
    assert busy.reasons == ["queue default has 1 leased", "worker w runs 1"]


@pytest.mark.parametrize(
    ("triggers", "reason"),
    [
        (TriggerSight(next_ms=AT_MS), "a trigger is due"),
        (TriggerSight(is_running=True), "a trigger runs"),
        (TriggerSight(has_more=True), "there are more triggers than were looked at"),
    ],
)
def test_what_triggers_are_about_to_do_is_a_reason(triggers: TriggerSight, reason: str) -> None:
    assert idle_of(sight_of(triggers=triggers)).reasons == [reason]


def test_a_trigger_that_is_due_later_is_none() -> None:
    assert idle_of(sight_of(triggers=TriggerSight(next_ms=AT_MS + 1))).is_idle


def test_numbers_of_a_queue_are_all_live_or_ended() -> None:
    queue: QueueSight = queue_of("q", 1, **{state.value: 1 for state in JobState})
    assert (queue.live, queue.ended) == (len(LIVE), len(ENDED))


@given(st.booleans(), st.booleans())
def test_flags_come_back(stop: bool, terminate: bool) -> None:
    flags = Flags(stop=stop, terminate=terminate)
    assert decode_flags(encode_flags(flags)) == flags


def test_flags_that_nobody_has_set_are_none_and_damaged_ones_are_named() -> None:
    assert decode_flags(None) == Flags()
    for raw in (b"", b"[]", b"{}"):
        with pytest.raises(MalformedError) as caught:
            decode_flags(raw)
        assert caught.value.code == "bad_flags"
