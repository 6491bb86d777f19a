"""Thresholds against their definition: one event for each crossing that is held for long enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.watches.threshold import (
    Level,
    Phase,
    Sample,
    Threshold,
    decode_threshold_mark,
    encode_threshold_mark,
    step,
)

Step = Callable[[Level, Threshold, Sample], tuple[Threshold, bool]]


@st.composite
def levels(draw: st.DrawFn) -> Level:
    is_above = draw(st.booleans())
    at, apart = draw(st.integers(3, 7)), draw(st.integers(0, 3))
    hold_ms = draw(st.sampled_from([0, 0, 1, 5, 12]))
    return Level(is_above, at, at - apart if is_above else at + apart, hold_ms)


@st.composite
def streams(draw: st.DrawFn) -> list[Sample]:
    """Return samples of small numbers; the wall clock goes back at times, as clocks do."""
    samples, monotonic_ms = [], 0
    for value in draw(st.lists(st.integers(0, 10), max_size=30)):
        monotonic_ms += draw(st.integers(1, 5))
        now_ms = monotonic_ms + draw(st.sampled_from([0, 0, 0, -20, 1_000]))
        samples.append(Sample(value, 1_000 + now_ms, monotonic_ms))
    return samples


def crossings(level: Level, samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """Return, of each event, the sample at which it comes and the one at which it began.

    By the definition, sample for sample: it comes at the first one that ends a run of samples
    beyond the level, all behind the last re-arming, which is long enough.
    """
    found: list[tuple[int, int]] = []
    for here, sample in enumerate(samples):
        armed_from = 0
        if found:
            back = [k for k in range(found[-1][0] + 1, here + 1) if level.is_back(samples[k].value)]
            if not back:
                continue
            armed_from = back[0]
        runs = [
            first
            for first in range(armed_from, here + 1)
            if all(level.is_beyond(each.value) for each in samples[first : here + 1])
        ]
        if runs and sample.monotonic_ms - samples[runs[0]].monotonic_ms >= level.hold_ms:
            found.append((here, runs[0]))
    return found


def check_stream(level: Level, samples: Sequence[Sample], take: Step = step) -> None:
    """Fail unless *take* sees what the definition sees, and names each crossing by its time."""
    state, fired, names = Threshold(), [], []
    for here, sample in enumerate(samples):
        state, has_fired = take(level, state, sample)
        if has_fired:
            fired.append(here)
            names.append(state.since_ms)
    expected = crossings(level, samples)
    assert fired == [here for here, _ in expected]
    assert names == sorted(set(names))
    began_ms = [samples[first].now_ms for _, first in expected]
    assert all(name >= ms for name, ms in zip(names, began_ms, strict=True))
    if [each.now_ms for each in samples] == sorted(each.now_ms for each in samples):
        assert names == began_ms


@given(levels(), streams())
def test_each_crossing_is_one_event(level: Level, samples: list[Sample]) -> None:
    check_stream(level, samples)


@given(levels(), st.data())
def test_what_has_fired_does_not_fire_again_after_a_restart(
    level: Level, data: st.DataObject
) -> None:
    samples = data.draw(streams())
    state, resumed = Threshold(), Threshold()
    for sample in samples:
        if state.phase is not Phase.OVER and data.draw(st.booleans()):
            resumed = decode_threshold_mark(encode_threshold_mark(resumed))
        state, has_fired = step(level, state, sample)
        resumed, has_fired_too = step(level, resumed, sample)
        assert has_fired_too == has_fired
        assert resumed.since_ms == state.since_ms


@given(levels(), streams())
def test_below_is_above_upside_down(level: Level, samples: list[Sample]) -> None:
    other = Level(not level.is_above, -level.at, -level.clear, level.hold_ms)
    mirrored = [sample._replace(value=-sample.value) for sample in samples]
    assert crossings(level, samples) == crossings(other, mirrored)
    check_stream(other, mirrored)


def never_arms(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    return (before, False) if before.phase is Phase.FIRED else step(level, before, sample)


def always_armed(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    if before.phase is Phase.FIRED:
        before = before._replace(phase=Phase.ARMED)
    return step(level, before, sample)


def does_not_hold(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    return step(level._replace(hold_ms=0), before, sample)


def ignores_clear(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    return step(level._replace(clear=level.at), before, sample)


def forgets(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    if before.phase is Phase.ARMED:
        before = Threshold()
    return step(level, before, sample)


@pytest.mark.parametrize("fault", [never_arms, always_armed, does_not_hold, ignores_clear, forgets])
def test_a_threshold_that_does_otherwise_is_caught(fault: Step) -> None:
    level = Level(is_above=True, at=5, clear=3, hold_ms=2)
    values = [6, 6, 6, 4, 6, 6, 6, 3, 6, 6, 6, 0]
    # The second crossing begins at the instant at which the first one did: the clock was put back.
    wall_ms = [10, 11, 12, 13, 14, 15, 16, 9, 10, 11, 12, 13]
    samples = [Sample(*each) for each in zip(values, wall_ms, range(len(values)), strict=True)]
    check_stream(level, samples)
    with pytest.raises(AssertionError):
        check_stream(level, samples, fault)


@pytest.mark.parametrize("mark", [b"\x00", b"\xa0", b"\xa1\x61a\x01"])
def test_what_is_no_mark_is_refused(mark: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_threshold_mark(mark)
    assert caught.value.code == "bad_mark"
