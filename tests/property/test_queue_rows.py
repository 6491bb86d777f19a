"""I8 for queues: whatever is asked, the rows are what the log says, and hold what they must."""

from __future__ import annotations

from pathlib import Path
from random import Random

import orjson
import pytest

import seriatim
from seriatim.actors.queue.commands import Change
from seriatim.formats.errors import SchedulerError, UnavailableError
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from tests.support.queue_crowd import QUEUE, SETTINGS, Crowd
from tests.support.queue_rows import replayed_rows, stored_rows

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("seed", range(6))
async def test_the_rows_are_what_the_log_says(tmp_path: Path, seed: int) -> None:
    async with seriatim.open(tmp_path) as node:
        queues = node._node.queues
        assert queues is not None
        await queues.change(QUEUE, Change(SETTINGS))
        crowd = Crowd(queues, Random(seed))
        for _ in range(150):
            try:
                await crowd.do_something()
            except UnavailableError:
                raise
            except SchedulerError:
                continue  # a refusal changes nothing
        # From now on nothing is forgotten, so nothing is written.
        await queues.change(QUEUE, Change({"kept_ms": 10**9}))
        stored = stored_rows(queues._world.tree, QUEUE)
        assert replayed_rows(node, QUEUE, queues.process(QUEUE)) == stored
        jobs = [orjson.loads(row) for path, row in stored.items() if path[0] == "jobs"]
        head = orjson.loads(stored["queues", "heads", QUEUE])
        assert sum(head["states"].values()) == len(jobs) > 0
        for job in jobs:
            assert job.get("attempt", 0) <= job["spec"].get("retries", 0) * 9 + 99
            assert job["id"] in {path[3] for path in stored if path[2] == job["state"]}


async def test_a_fault_in_the_fold_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seriatim.open(tmp_path) as node:
        queues = node._node.queues
        assert queues is not None
        for _ in range(3):
            await queues.submit(QUEUE, [read_asked({"type": "a"})])
        stored = stored_rows(queues._world.tree, QUEUE)

        def ready(fold: QueueFold, job: object) -> JobState:
            return JobState.SCHEDULED

        monkeypatch.setattr(QueueFold, "_ready_state", ready)
        assert replayed_rows(node, QUEUE, queues.process(QUEUE)) != stored
