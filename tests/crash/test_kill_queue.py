"""Programs with a queue in them that are killed again and again: no job is lost or done twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import settings

import seriatim
from seriatim.formats.jobs.rows import Path as Row
from tests.crash.family import WAIT_S
from tests.crash.queue_driver import LAST, QUEUE
from tests.support.queue_rows import replayed_rows, stored_rows

KILLS = 100 if settings.get_current_profile_name() == "nightly" else 20
SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))
LIFE_MAX_S = 0.6
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.asyncio]


@contextmanager
def driven(folder: Path, life: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.queue_driver", str(folder), life],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def heard(child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what *child* says, until it has ended."""
    assert child.stdout is not None
    for line in child.stdout:
        yield orjson.loads(line)


async def read(folder: Path) -> dict[Row, bytes]:
    """Return the rows of a queue that nobody works; the log has to say the same."""
    async with seriatim.open(folder) as node:
        queues = node._node.queues
        assert queues is not None
        stored = stored_rows(queues._world.tree, QUEUE)
        assert replayed_rows(node, QUEUE, queues.process(QUEUE)) == stored
    return stored


async def test_no_job_is_lost_or_done_twice_however_the_program_is_killed(tmp_path: Path) -> None:
    random, folder = Random(SEED), tmp_path / "data"
    submitted: set[str] = set()
    done: dict[str, int] = {}
    for number in range(KILLS):
        with driven(folder, str(number)) as child:
            said = heard(child)
            if number % 5 != 4:  # else, soon after it was started
                next(said)
            await asyncio.sleep(random.uniform(0, LIFE_MAX_S))
            child.kill()
            for line in said:
                submitted.update(line.get("submitted", ()))
                if "done" in line:
                    assert done.setdefault(line["done"], line["token"]) == line["token"]
            child.wait(WAIT_S)
        if number % 5 == 1:
            rows = await read(folder)
            jobs = {path[3]: path[2] for path in rows if path[0] == "jobs"}
            assert submitted <= jobs.keys(), "what was acknowledged is there"
            assert {jobs[job] for job in done} <= {"done"}, "what was done stays done"
    with driven(folder, LAST) as child:
        for line in heard(child):
            if "done" in line:
                assert done.setdefault(line["done"], line["token"]) == line["token"]
        assert child.wait(WAIT_S) == 0
    rows = await read(folder)
    found = [orjson.loads(row) for path, row in rows.items() if path[0] == "jobs"]
    assert submitted <= {job["id"] for job in found}
    assert {job["state"] for job in found} == {"done"}, "all of them have ended"
    assert all(job["result"] == job["id"] for job in found)
    tokens = {job["id"]: job["token"] for job in found}
    assert all(tokens[job] == token for job, token in done.items()), "under one lease"
    assert len(submitted) > KILLS * 5
    assert any(job.get("crashes") for job in found), "some were with a worker that was killed"
