"""Twins of ours: what they say is otherwise is so, while they are measured."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.queue.reader import QueueReader
from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.jobs import measure
from seriatim.gateway.bench.jobs.contenders import CONTENDERS, choose_contenders
from seriatim.gateway.bench.jobs.measure import finish_jobs
from seriatim.gateway.bench.jobs.ours import watched, with_finished
from seriatim.gateway.bench.jobs.report import Outcome
from seriatim.gateway.bench.jobs.run import measure_all
from seriatim.gateway.bench.jobs.session import in_session
from seriatim.gateway.bench.jobs.stage import Stage
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.running_node import running

FINISHED = 2_000


def count_done(data: Path) -> int:
    environment = Environment.open_reader(DataFolder(data).log)
    try:
        states = QueueReader(LmdbTree(environment)).now("bench").states
    finally:
        environment.close()
    return states["done"]


@pytest.mark.slow
def test_jobs_are_finished_once_and_every_session_begins_with_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "JOBS_MAX", FINISHED // 2)
    contender = with_finished(FINISHED)
    said: list[str] = []
    data = finish_jobs(contender, tmp_path / "finished", said.append)
    assert said == [
        "finishing jobs, 0 of 2,000",
        "finishing jobs, 1,000 of 2,000",
    ]
    done = count_done(data)
    assert done >= FINISHED
    assert finish_jobs(contender, tmp_path / "finished", said.append) == data
    assert len(said) == 2
    stage = Stage(tmp_path / "1", {})
    with in_session(contender, stage.folder, data) as session:
        assert count_done(stage.data) == done
        session.run(20)
        assert count_done(stage.data) > done
    assert count_done(data) == done
    assert not stage.data.exists()


@pytest.mark.slow
def test_who_is_watched_is_measured(tmp_path: Path) -> None:
    with in_session(watched(), tmp_path / "watched") as session:
        assert len(session.run(20).ran_ns) == 20


@pytest.mark.slow
def test_a_monitor_that_does_not_look_until_the_end_is_told(tmp_path: Path) -> None:
    """The flag has any monitor of the folder end: so that there is one is shown, too."""
    data = tmp_path / "flagged"

    async def main() -> None:
        async with running(data) as node:
            assert node.queues is not None
            await node.queues.wishes.change_flags(terminate=True)

    asyncio.run(main())
    with (
        in_session(watched(), tmp_path / "watched", data) as session,
        pytest.raises(UnavailableError, match="the monitor has ended before the jobs have"),
    ):
        session.run(60, per_s=20)


@pytest.mark.slow
@pytest.mark.long
def test_twins_are_measured_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "WARM_UP_SHARE", 1e9)  # the first warm-up is long enough
    said: list[str] = []
    contenders = choose_contenders([], finished=FINISHED, is_watched=True)
    report = measure_all(contenders, tmp_path, 0.1, said.append, rounds=2)
    assert {result.outcome for result in report.results} == {Outcome.MEASURED}
    beside = [figure for figure in report.figures if figure.ceiling_name == "seriatim, by round"]
    assert {figure.name.partition(":")[0] for figure in beside} == {
        "seriatim, 2,000 finished",
        "seriatim, watched",
    }
    assert all(len(figure.samples) == 2 for figure in beside)


def test_with_twins_no_peer_is_measured_that_is_not_named() -> None:
    def names(*peers: str, finished: int = 0, is_watched: bool = False) -> list[str]:
        found = choose_contenders(peers, finished=finished, is_watched=is_watched)
        return [each.name for each in found]

    assert names() == [each.name for each in CONTENDERS]
    assert names("huey") == ["seriatim", "seriatim node", "huey"]
    assert names(finished=1_000_000) == ["seriatim", "seriatim, 1,000,000 finished"]
    assert names("huey", is_watched=True) == ["seriatim", "seriatim, watched", "huey"]
