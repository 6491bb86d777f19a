"""I8 for queues: whatever is asked, the rows are what the log says, and hold what they must."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import orjson
import pytest

import seriatim
from seriatim.actors.importing import import_queue
from seriatim.actors.offline import named_process, open_offline
from seriatim.actors.proof import encode_log, open_export, open_folder_log, write_export
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


@pytest.mark.parametrize("seed", range(6, 10))
async def test_what_is_exported_and_imported_is_the_same_queue(tmp_path: Path, seed: int) -> None:
    """Whatever has happened in it, and however often it is moved."""
    random = Random(seed)
    exports: list[bytes] = []
    for number in range(3):
        folder, file = tmp_path / f"node-{number}", tmp_path / f"{number}.jsonl"
        async with seriatim.open(folder) as node:
            queues = node._node.queues
            assert queues is not None
            await queues.change(QUEUE, Change(SETTINGS))
            crowd = Crowd(queues, random)
            for _ in range(50):
                with suppress(SchedulerError):
                    await crowd.do_something()
        with open_folder_log(folder, named_process(folder, QUEUE)) as log:
            write_export(log, file)
        with open_export(file) as log:
            await import_queue(tmp_path / f"node-{number + 1}", log, now_ms=1)
        with open_offline(folder) as before, open_offline(tmp_path / f"node-{number + 1}") as after:
            verified = after.verify_queue(QUEUE)
            assert verified == before.verify_queue(QUEUE)
            assert verified.differs == ()
            assert dict(after.processes())[verified.process] == before.head(verified.process)
        with open_folder_log(tmp_path / f"node-{number + 1}", verified.process) as log:
            exports.append(b"".join(encode_log(log)))
        assert exports[-1] == file.read_bytes()
    assert len(set(exports)) == 3, "each node has gone on with it"


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
