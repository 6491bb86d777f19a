"""The report: values beside the best peer's and the ceiling's; who was not measured is named."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.figure import Figure, Sample
from seriatim.gateway.bench.jobs.findings import Found, Rates
from seriatim.gateway.bench.jobs.measure import CALLERS
from seriatim.gateway.bench.jobs.report import Outcome, Result, make_figures
from tests.support.toy_queue import toy_contender

CEILINGS = {1: [Sample(4_000.0)], CALLERS: [Sample(40_000.0)]}
rates = st.floats(1, 1e6)


def found(per_s: float, pick_up_us: float = 1_000.0, again: int = 0) -> Found:
    one = Rates(10, Sample(per_s, 1.0, 2.0), Sample(2 * per_s, 1.0, 2.0))
    many = Rates(20, Sample(3 * per_s, 1.0, 2.0), Sample(4 * per_s, 1.0, 2.0))
    return Found(one, many, 5, Sample(50.0, pick_up_us, 2 * pick_up_us), again)


def result(name: str, *rounds: Found, is_ours: bool = False) -> Result:
    contender = toy_contender(name, is_ours=is_ours)
    return Result(contender=contender, outcome=Outcome.MEASURED, rounds=rounds)


def lines(figures: list[Figure], name: str) -> dict[str, Figure]:
    return {figure.ceiling_name: figure for figure in figures if figure.name == name}


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=5))
def test_the_best_peer_has_the_most_jobs_and_the_least_pick_up(
    values: list[tuple[float, float]],
) -> None:
    peers = [result(f"{at}", found(*value)) for at, value in enumerate(values)]
    ours = result("ours", found(0.5, 0.5), is_ours=True)
    figures = make_figures([ours, *peers], CEILINGS)
    jobs, *_ = lines(figures, "ours: jobs, 1 caller").values()
    (pick_up,) = lines(figures, "ours: pick-up p50").values()
    assert jobs.ceiling == max(per_s for per_s, _ in values)
    assert pick_up.ceiling == min(pick_up_us / 1e3 for _, pick_up_us in values)
    assert pick_up.met


def test_ours_is_held_against_the_best_peer_the_ceiling_and_the_aim() -> None:
    ours = result("ours", found(6_000.0, 900.0), is_ours=True)
    figures = make_figures([ours, result("peer", found(2_000.0))], CEILINGS)
    one = lines(figures, "ours: jobs, 1 caller")
    assert {name: figure.met for name, figure in one.items()} == {
        "best peer: peer": True,
        "LMDB group commit": None,
        "5,000 jobs/s": True,
    }
    assert one["LMDB group commit"].ratio == 1.5
    assert lines(figures, f"peer: jobs, {CALLERS} callers")["LMDB group commit"].ceiling == 40_000
    assert lines(figures, "ours: calls, 1 caller").keys() == {"best peer: peer"}
    peers_own = [figure for figure in figures if figure.name.startswith("peer: ")]
    assert {figure.aim for figure in peers_own} == {None}


@pytest.mark.parametrize(("per_s", "met"), [(2_999.0, False), (3_000.0, True)])
def test_three_times_the_best_peer_is_met_at_three_times(per_s: float, *, met: bool) -> None:
    ours = result("ours", found(per_s), is_ours=True)
    figures = make_figures([ours, result("peer", found(1_000.0))], CEILINGS)
    assert lines(figures, "ours: jobs, 1 caller")["best peer: peer"].met is met


def test_without_peers_there_is_the_ceiling() -> None:
    figures = make_figures([result("ours", found(1.0), is_ours=True)], CEILINGS)
    assert {figure.ceiling_name for figure in figures} == {"LMDB group commit", "5,000 jobs/s"}


def test_values_are_medians_over_the_rounds() -> None:
    peer = result("peer", *map(found, (3.0, 1.0, 2.0)))
    ceilings = {callers: [Sample(at) for at in (1.0, 5.0, 2.0)] for callers in (1, CALLERS)}
    figure = lines(make_figures([peer], ceilings), "peer: jobs, 1 caller")["LMDB group commit"]
    assert figure.to_plain()["values"] == [3.0, 1.0, 2.0]
    assert (figure.value, figure.ceiling) == (2.0, median([1.0, 5.0, 2.0]))
    assert (figure.n, figure.to_plain()["rounds"]) == (10, 3)


@pytest.mark.parametrize("outcome", [each for each in Outcome if each != Outcome.MEASURED])
def test_who_was_not_measured_is_named_and_has_no_figures(outcome: Outcome) -> None:
    other = Result(contender=toy_contender("other"), outcome=outcome, reason="why it was not")
    figures = make_figures([result("peer", found(1.0)), other], CEILINGS)
    assert [figure for figure in figures if "other" in figure.name + figure.ceiling_name] == []
    assert other.to_line().endswith(f": {outcome.value}: why it was not")
    assert (other.to_plain()["outcome"], other.to_plain()["reason"]) == (outcome, "why it was not")


def test_jobs_that_ran_again_are_told() -> None:
    peer = result("peer", found(1.0, again=2), found(1.0, again=3))
    assert peer.to_plain()["ran_again"] == 5
    assert peer.to_line().endswith("none at all; ran 5 again")
