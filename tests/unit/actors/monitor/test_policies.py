"""Policies beside the monitor: simulated, with somebody who only notes what they want."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.monitor.monitor import Monitor
from seriatim.actors.monitor.policies import RestartStale, ScaleByBacklog
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import WORKER_STALE_MS
from seriatim.formats.monitor.beat import Beat
from seriatim.formats.monitor.sight import Sight
from tests.support.sights import queue_of, sight_of
from tests.support.statuses import status_of


def test_a_stale_worker_is_restarted_once_and_its_successor_is_watched_anew() -> None:
    clock = ManualClock()
    workers = {"w": 1, "healthy": 1}
    restarted: list[str] = []

    def look() -> Sight:
        workers["healthy"] += 1
        return sight_of(beats=[Beat(status_of(name, beat), 0) for name, beat in workers.items()])

    def restart(name: str) -> None:
        restarted.append(name)
        del workers[name]
        workers[f"{name}'"] = 1

    monitor = Monitor(look, clock, home="node", pid=1)
    monitor.on_change = RestartStale(restart)
    monitor.start()
    clock.advance(WORKER_STALE_MS)
    assert restarted == []
    clock.advance(5_000)
    assert restarted == ["w"]
    clock.advance(WORKER_STALE_MS + 5_000)
    assert restarted == ["w", "w'"]


def view_with(**backlog: int) -> dict[str, Any]:
    return {"backlog": backlog}


def test_more_are_wanted_at_once_and_fewer_after_a_while() -> None:
    wanted: list[tuple[str, int]] = []
    scale = ScaleByBacklog(
        lambda *said: wanted.append(said), jobs_per_worker=10, least=1, most=4, calm_looks=3
    )
    scale(view_with(gpu=11))
    scale(view_with(gpu=11))
    scale(view_with(gpu=99))
    assert wanted == [("gpu", 2), ("gpu", 4)]
    for backlog in (view_with(gpu=25), view_with(), view_with(gpu=99), view_with()):
        scale(backlog)
    assert len(wanted) == 2, "a short lull ends nobody"
    scale(view_with(gpu=15))
    scale(view_with())
    assert wanted[2:] == [("gpu", 2)], "as many as the most of these looks have wanted"
    for _ in range(3):
        scale(view_with())
    assert wanted[3:] == [("gpu", 1)]


def test_what_several_categories_could_run_counts_for_each() -> None:
    wanted: dict[str, int] = {}
    scale = ScaleByBacklog(wanted.__setitem__, jobs_per_worker=1, most=9)
    scale({"backlog": {"cpu|gpu": 2, "gpu": 3}})
    assert wanted == {"cpu": 2, "gpu": 5}


def test_it_is_hung_on_a_monitor() -> None:
    wanted: dict[str, int] = {}
    clock = ManualClock()
    beat = Beat(status_of(), 0)
    sight = sight_of(queue_of("default", 1, pending=7), beats=[beat])
    monitor = Monitor(lambda: sight, clock, home="node", pid=1)
    monitor.on_view = ScaleByBacklog(wanted.__setitem__, jobs_per_worker=2, most=9)
    monitor.start()
    assert wanted == {"gpu": 4}


@given(
    st.lists(st.integers(0, 200), max_size=30),
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(1, 7),
    st.integers(1, 4),
)
def test_the_number_is_always_within_its_bounds_and_never_said_twice(
    backlogs: list[int], least: int, more: int, per_worker: int, calm: int
) -> None:
    said: list[int] = []
    scale = ScaleByBacklog(
        lambda _, count: said.append(count),
        jobs_per_worker=per_worker,
        least=least,
        most=least + more,
        calm_looks=calm,
    )
    for jobs in backlogs:
        scale(view_with(gpu=jobs) if jobs else view_with())
        needed = min(max(-(-jobs // per_worker), least), least + more)
        assert not said or said[-1] >= needed, "never too few for what waits now"
    assert all(least <= count <= least + more for count in said)
    assert all(before != after for before, after in pairwise(said))


@pytest.mark.parametrize(
    "bad", [{"jobs_per_worker": 0}, {"least": 5}, {"least": -1}, {"calm_looks": 0}]
)
def test_bounds_that_make_no_sense_are_refused(bad: dict[str, int]) -> None:
    said = {"jobs_per_worker": 1, "most": 3} | bad
    with pytest.raises(MalformedError) as caught:
        ScaleByBacklog(lambda *_: None, **said)
    assert caught.value.code == "bad_scale"
