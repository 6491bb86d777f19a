"""Pauses get longer, up to a longest, and nobody comes back with everybody else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.jobs.backoff import Backoff
from seriatim.formats.limits import BACKOFF_FACTOR_MAX, INTERVAL_MAX_MS, JOB_RETRIES_MAX

LENGTHS_MS = st.integers(0, INTERVAL_MAX_MS)
BACKOFFS = st.builds(
    Backoff,
    base_ms=LENGTHS_MS,
    factor=st.floats(1, BACKOFF_FACTOR_MAX),
    max_ms=LENGTHS_MS,
    jitter=st.floats(0, 1),
)
TRIES = st.integers(1, 50) | st.integers(1, JOB_RETRIES_MAX)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(BACKOFFS, TRIES, CHANCES)
def test_a_pause_is_within_its_bounds(backoff: Backoff, tries: int, chance: float) -> None:
    pause_ms = backoff.pause_ms(tries, chance)
    swing = backoff.jitter / 2
    assert 0 <= pause_ms <= backoff.max_ms * (1 + swing) + 1
    assert pause_ms >= min(backoff.base_ms, backoff.max_ms) * (1 - swing) - 1


@given(BACKOFFS, TRIES)
def test_pauses_do_not_get_shorter(backoff: Backoff, tries: int) -> None:
    assert backoff.pause_ms(tries, 0.5) <= backoff.pause_ms(tries + 1, 0.5)


@given(BACKOFFS, TRIES)
def test_chance_is_around_the_pause_without_it(backoff: Backoff, tries: int) -> None:
    plain = backoff._replace(jitter=0.0).pause_ms(tries, 0.0)
    assert backoff.pause_ms(tries, 0.0) <= plain <= backoff.pause_ms(tries, 1.0 - 2**-53) + 1


def test_each_pause_is_so_many_times_the_one_before() -> None:
    backoff = Backoff(1_000, 3.0, 60_000, 0.0)
    pauses = [backoff.pause_ms(tries, 0.9) for tries in range(1, 7)]
    assert pauses == [1_000, 3_000, 9_000, 27_000, 60_000, 60_000]


def test_as_many_tries_as_there_may_be_are_not_counted_through() -> None:
    """Which would stop the node: once per failure, for a second."""
    for base_ms, factor, pause_ms in ((5, 1.0, 5), (0, 2.0, 0), (5, 100.0, 9), (5, 1 + 1e-15, 5)):
        assert Backoff(base_ms, factor, 9, 0.0).pause_ms(10**12, 0.5) in (pause_ms, 9)
