"""From moments to rates and latencies: against the plain formula, whatever the moments are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.jobs.findings import find_rates, sample_calls, sample_pick_up
from seriatim.gateway.bench.jobs.producer import Order, Produced

moments = st.integers(1, 10**12)
jobs = st.lists(st.tuples(moments, moments, moments), min_size=1, max_size=200)


@given(jobs)
def test_rates_count_from_the_first_call_on(given_jobs: list[tuple[int, int, int]]) -> None:
    began, took, waited = map(list, zip(*given_jobs, strict=True))
    ran = [at + later for at, later in zip(began, waited, strict=True)]
    produced = Produced(began, took)
    rates = find_rates(produced, ran)
    ended = max(at + long for at, long in zip(began, took, strict=True))
    assert rates.total == len(given_jobs)
    assert rates.jobs.value == pytest.approx(len(ran) / (max(ran) - min(began)) * 1e9)
    assert rates.calls.value == pytest.approx(len(ran) / (ended - min(began)) * 1e9)
    assert rates.jobs.p50_us == rates.calls.p50_us == sorted(took)[(len(took) - 1) // 2] / 1e3
    assert rates.calls == sample_calls(produced)
    pick_up = sample_pick_up(produced, ran)
    assert pick_up.p50_us == sorted(waited)[(len(waited) - 1) // 2] / 1e3
    assert pick_up.p99_us == sorted(waited)[int((len(waited) - 1) * 0.99)] / 1e3


def test_what_is_found_leaves_the_moments_as_they_are() -> None:
    produced = Produced([30, 10, 20], [3, 1, 2])
    find_rates(produced, [31, 11, 21])
    assert produced == Produced([30, 10, 20], [3, 1, 2])


@given(st.integers(0, 2**40), st.integers(1, 2**30), st.integers(1, 64), st.integers(0, 1_000))
def test_an_order_reads_itself_back_and_numbers_each_job_once(
    first: int, total: int, callers: int, per_s: int
) -> None:
    order = Order(first, total, callers, per_s)
    assert Order.from_arguments(["program", "produce", *map(str, order)]) == order
    assert order.openings == range(first, first + callers)
    assert order.numbers == range(order.openings.stop, order.openings.stop + total)
