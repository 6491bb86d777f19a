"""Figures: medians, ratios and aims come from what was measured, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.figure import Aim, Figure, Part, Sample, make_sample, take_turns

values = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=5)


def figure(samples: Sequence[float], ceilings: Sequence[float], aim: Aim | None = None) -> Figure:
    return Figure(
        part=Part.HTTP,
        name="posts",
        unit="posts/s",
        samples=[Sample(value) for value in samples],
        ceiling_name="hello",
        ceilings=[Sample(value) for value in ceilings],
        n=1,
        aim=aim,
    )


@given(values, values)
def test_the_ratio_is_that_of_the_two_medians(samples: list[float], ceilings: list[float]) -> None:
    plain = figure(samples, ceilings).to_plain()
    assert plain["ratio"] == median(samples) / median(ceilings)
    assert (plain["values"], plain["ceilings"]) == (samples, ceilings)
    assert plain["rounds"] == len(samples)


@pytest.mark.parametrize(
    ("value", "aim", "met"),
    [
        (59.0, Aim(0.6), False),
        (60.0, Aim(0.6), True),
        (150.0, Aim(1.5, is_most=True), True),
        (151.0, Aim(1.5, is_most=True), False),
        (10.0, None, None),
    ],
)
def test_an_aim_is_a_bound_that_counts_as_met(
    value: float, aim: Aim | None, *, met: bool | None
) -> None:
    assert figure([value], [100.0], aim).met is met


def test_a_sample_is_a_rate_with_its_percentiles() -> None:
    sample = make_sample(1_000, 500_000_000, [number * 1_000 for number in range(1_000, 0, -1)])
    assert sample == Sample(2_000.0, p50_us=500.0, p99_us=990.0)


def test_latencies_that_nobody_took_are_null() -> None:
    plain = figure([1.0], [2.0]).to_plain()
    assert {plain[name] for name in ("p50_us", "p99_us", "ceiling_p50_us")} == {None}


@pytest.mark.asyncio
async def test_a_figure_and_its_ceiling_take_turns() -> None:
    taken: list[tuple[str, int]] = []

    async def take(name: str, number: int) -> Sample:
        taken.append((name, number))
        return Sample(float(number))

    said: list[str] = []
    samples = await take_turns(
        2, {"hello": lambda n: take("hello", n), "node": lambda n: take("node", n)}, said.append
    )
    assert taken == [("hello", 0), ("node", 0), ("hello", 1), ("node", 1)]
    assert samples == {"hello": [Sample(0.0), Sample(1.0)], "node": [Sample(0.0), Sample(1.0)]}
    assert said[-1] == "node, round 2 of 2"
