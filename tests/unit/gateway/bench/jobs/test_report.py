"""The report: values beside the best peer's and the ceiling's; who was not measured is named."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.figure import Aim, Figure, Sample
from seriatim.gateway.bench.jobs.contender import Twin
from seriatim.gateway.bench.jobs.findings import Found, Rates
from seriatim.gateway.bench.jobs.measure import CALLERS
from seriatim.gateway.bench.jobs.report import Outcome, Result, make_figures
from tests.support.toy_queue import toy_contender

TWIN = Twin("ours", jobs=Aim(0.9), pick_up=Aim(1.1, is_most=True))

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


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=5))
def test_a_twin_is_held_against_the_other_round_by_round(rounds: list[tuple[float, float]]) -> None:
    """What slows a round down slows both: the median is of the rounds' ratios."""
    ours = result("ours", *(found(other) for _, other in rounds), is_ours=True)
    twin = result("twin", *(found(own) for own, _ in rounds), is_ours=True)
    twin = replace(twin, contender=replace(twin.contender, twin=TWIN))
    figures = make_figures([ours, twin], CEILINGS)
    figure = lines(figures, "twin: jobs, 1 caller")["ours, by round"]
    ratios = [own / other for own, other in rounds]
    assert figure.to_plain()["values"] == ratios
    assert figure.ratio == median(ratios)
    assert figure.met is (median(ratios) >= 0.9)
    assert not any("by round" in each.ceiling_name for each in figures if "ours:" in each.name)


def test_a_twin_has_an_aim_for_what_it_says_one_of() -> None:
    ours = result("ours", found(100.0, 1_000.0), is_ours=True)
    other = result("twin", found(100.0, 1_200.0), is_ours=True)

    def pick_up(twin: Twin) -> Figure:
        own = replace(other, contender=replace(other.contender, twin=twin))
        figures = make_figures([ours, own], CEILINGS)
        return lines(figures, "twin: pick-up p50")["ours, by round"]

    assert pick_up(TWIN).met is False
    assert pick_up(TWIN._replace(pick_up=Aim(1.2, is_most=True))).met is True
    assert pick_up(TWIN._replace(pick_up=None)).met is None


def test_a_twin_of_whom_was_not_measured_has_its_own_figures() -> None:
    ours = Result(contender=toy_contender("ours"), outcome=Outcome.FAILED, reason="it fell")
    twin = result("twin", found(1.0), is_ours=True)
    twin = replace(twin, contender=replace(twin.contender, twin=TWIN))
    names = {figure.ceiling_name for figure in make_figures([ours, twin], CEILINGS)}
    assert names == {"LMDB group commit", "5,000 jobs/s"}
