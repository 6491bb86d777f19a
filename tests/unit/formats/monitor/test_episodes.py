"""The pulse of workers: by the observer's own clock, and one warning in an episode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import WORKER_SLOW_MS, WORKER_STALE_MS
from seriatim.formats.monitor.episodes import Change, Episodes, Pulse


def test_an_episode_from_its_beginning_to_its_end() -> None:
    episodes = Episodes()
    assert episodes.see({"w": 1}, 0) == []
    assert episodes.see({"w": 1}, WORKER_SLOW_MS) == []
    slow = WORKER_SLOW_MS + 1
    assert episodes.see({"w": 1}, slow) == [Change("w", Pulse.OK, Pulse.SLOW, slow)]
    assert episodes.see({"w": 1}, WORKER_STALE_MS) == []
    stale = WORKER_STALE_MS + 1
    assert episodes.see({"w": 1}, stale) == [Change("w", Pulse.SLOW, Pulse.STALE, stale)]
    for later in range(10):
        assert episodes.see({"w": 1}, stale + later * 1_000) == []
    end = stale + 20_000
    assert episodes.see({"w": 2}, end) == [Change("w", Pulse.STALE, Pulse.OK, end)]
    assert episodes.see({"w": 2}, end + WORKER_SLOW_MS) == []
    assert episodes.silent_ms("w", end + 7) == 7


def test_a_worker_that_is_seen_for_the_first_time_has_the_full_time() -> None:
    episodes = Episodes(slow_ms=10, stale_ms=20)
    assert episodes.see({"long dead": 77}, 1_000_000) == []
    assert episodes.see({"long dead": 77}, 1_000_010) == []
    [change] = episodes.see({"long dead": 77}, 1_000_021)
    assert (change.before, change.after) == (Pulse.OK, Pulse.STALE)


def test_a_worker_that_is_gone_has_no_episode_and_begins_anew() -> None:
    episodes = Episodes(slow_ms=10, stale_ms=20)
    episodes.see({"w": 1}, 0)
    episodes.see({"w": 1}, 21)
    assert episodes.see({}, 22) == []
    assert episodes.see({"w": 1}, 50) == []
    assert episodes.pulse("w") is Pulse.OK


@pytest.mark.parametrize(("slow_ms", "stale_ms"), [(0, 5), (6, 5), (-1, -1)])
def test_thresholds_that_make_no_sense_are_refused(slow_ms: int, stale_ms: int) -> None:
    with pytest.raises(MalformedError) as caught:
        Episodes(slow_ms, stale_ms)
    assert caught.value.code == "bad_thresholds"


STEPS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60)


@given(STEPS)
def test_exactly_one_warning_in_an_episode_whenever_somebody_looks(
    steps: list[tuple[int, bool]],
) -> None:
    episodes = Episodes(slow_ms=10, stale_ms=30)
    now_ms, beat, heard_ms = 0, 1, 0
    episodes.see({"w": beat}, now_ms)
    warnings = 0
    for passed_ms, is_heard in steps:
        now_ms += passed_ms
        beat += is_heard
        changes = episodes.see({"w": beat}, now_ms)
        assert len(changes) <= 1
        if is_heard:
            # Back from whatever it was; the line says so once.
            assert [change.after for change in changes] in ([], [Pulse.OK])
            assert len(changes) >= warnings, "one line for each warning"
            heard_ms, warnings = now_ms, 0
        else:
            warnings += sum(change.after is Pulse.STALE for change in changes)
            assert warnings == (now_ms - heard_ms > 30), "once it is stale, and only then"
        silent_ms = now_ms - heard_ms
        expected = Pulse.STALE if silent_ms > 30 else Pulse.SLOW if silent_ms > 10 else Pulse.OK
        assert episodes.pulse("w") is expected
