"""How many jobs are measured: as many as take the time, for slow and fast ones alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.figure import Sample
from seriatim.gateway.bench.jobs.measure import JOBS_MAX, WARM_UP, WARM_UP_SHARE, calibrate

rates = st.floats(1, 1e6)
seconds = st.floats(0.1, 30)


@given(rates, seconds)
def test_a_steady_rate_is_measured_for_the_time(per_s: float, for_s: float) -> None:
    assert calibrate(lambda _: Sample(per_s), for_s) == min(max(round(per_s * for_s), 1), JOBS_MAX)


@given(rates, seconds)
def test_a_warm_up_grows_until_it_has_taken_its_share(per_s: float, for_s: float) -> None:
    asked: list[int] = []

    def sample(total: int) -> Sample:
        asked.append(total)
        return Sample(per_s)

    calibrate(sample, for_s)
    assert asked[0] == WARM_UP
    assert asked == sorted(set(asked))
    assert asked[-1] == JOBS_MAX or asked[-1] / per_s >= for_s / WARM_UP_SHARE
    assert all(total / per_s < for_s / WARM_UP_SHARE for total in asked[:-1])


@given(st.floats(100, 1e5), seconds)
def test_what_the_last_warm_up_says_counts(per_s: float, for_s: float) -> None:
    """A first one that was slow, because all was cold, does not shorten what is measured."""
    total = calibrate(lambda asked: Sample(per_s / 10 if asked == WARM_UP else per_s), for_s)
    slow_is_enough = per_s / 10 * for_s / WARM_UP_SHARE <= WARM_UP
    assert slow_is_enough or total == min(max(round(per_s * for_s), 1), JOBS_MAX)
