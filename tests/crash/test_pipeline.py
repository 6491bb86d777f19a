"""Ingest, analyze, render: jobs whose workers, and whose node, are killed on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

import seriatim
from seriatim.formats.errors import JobError
from tests.crash.pipeline_jobs import STAGES, app, wait_long
from tests.crash.supervised import Site

PIPELINES = 10
KILLS = 100 if settings.get_current_profile_name() == "nightly" else 10
BATCH = 20
SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def pipeline(name: str) -> list[dict[str, object]]:
    """Return the three jobs of a pipeline, each behind the one before."""
    jobs: list[dict[str, object]] = []
    for number, stage in enumerate(STAGES):
        after = [f"{STAGES[number - 1]}-{name}"] if number else []
        jobs.append(
            {"type": stage, "id": f"{stage}-{name}", "args": {"name": name}, "after": after}
        )
    return jobs


def check_order(noted: list[list[str]]) -> None:
    """Check that each pipeline went stage by stage, and that of a stage, one job ran at a time."""
    for name in map(str, range(PIPELINES)):
        own = [(what, stage) for what, stage, each, _ in noted if each == name]
        for number, stage in enumerate(STAGES[:-1]):
            last = max(i for i, line in enumerate(own) if line == ("end", stage))
            assert last < own.index(("begin", STAGES[number + 1])), (name, own)
    for stage in STAGES:
        ended = {tuple(line[2:]) for line in noted if line[:2] == ["end", stage]}
        running = ""
        for what, kind, name, token in noted:
            if kind == stage and (name, token) in ended:  # the others went with their worker
                assert running == ("" if what == "begin" else name)
                running = name if what == "begin" else ""


@pytest.mark.long
def test_pipelines_go_on_in_order_whoever_is_killed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    jobs = [job for number in range(PIPELINES) for job in pipeline(str(number))]
    Random(SEED).shuffle(jobs)
    with site.node() as node:
        for job in jobs:
            site.submit(job)
        with site.worker() as worker:
            for number, victim in ((8, node), (20, worker), (40, node)):
                site.wait_for_side_effects(number)
                victim.kill()
                victim.start()
            site.wait_until_idle()
        found = site.jobs()
    assert len(found) == len(jobs)
    assert {job["state"] for job in found} == {"done"}
    assert all(job["result"] == job["spec"]["args"]["name"] for job in found)
    assert all(job["attempts"] <= 2 for job in found), "one worker was killed"
    check_order(site.side_effects())


def test_the_check_of_the_order_finds_what_is_not_in_order() -> None:
    right = [
        [what, stage, str(name), "1"]
        for name in range(PIPELINES)
        for stage in STAGES
        for what in ("begin", "end")
    ]
    check_order(right)
    check_order([["begin", "ingest", "0", "0"], *right])  # of a worker that was killed
    for first, second in ((1, 2), (0, 1), (1, 6)):
        wrong = list(right)
        wrong[first], wrong[second] = wrong[second], wrong[first]
        with pytest.raises(AssertionError):
            check_order(wrong)


def test_a_worker_that_was_stopped_for_longer_than_its_lease_is_not_heard(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.node(), site.worker() as first, ExitStack() as ending:
        site.submit({"type": "wait_short", "id": "one", "args": {"folder": str(tmp_path)}})
        site.wait_for_side_effects(1)
        first.send(signal.SIGSTOP)
        ending.callback(first.send, signal.SIGCONT)
        site.wait_for_state("one", "pending")  # nobody is granted it while nobody is there
        with site.worker():
            site.wait_for_side_effects(2)
            (tmp_path / "1").touch()
            first.send(signal.SIGCONT)
            # It hears of its loss, or says its result in vain; the other one has the job.
            assert site.ask("GET", "/jobs/one/ending?wait_ms=1500")["job"] is None
            (tmp_path / "2").touch()
            ended = site.ask("GET", "/jobs/one/ending?wait_ms=30000")["job"]
    assert (ended["state"], ended["result"], ended["attempts"]) == ("done", 2, 2)
    assert [each["code"] for each in ended["failures"]] == ["lost"]
    told = first.errors.read_text()
    assert "has lost job one" in told or "its word of job one is too late" in told


def test_every_job_that_was_acknowledged_ends_once(tmp_path: Path) -> None:
    random, site = Random(SEED), Site(tmp_path)
    acknowledged: list[str] = []
    with site.node() as node, site.worker() as worker:
        for life in range(KILLS):
            for first in range(0, random.randrange(1, 5) * BATCH, BATCH):
                ids = [f"{life}-{first + number}" for number in range(BATCH)]
                site.submit(
                    *({"type": "count", "id": each, "args": {"number": life}} for each in ids)
                )
                acknowledged += ids
            victims = random.choice([[node], [worker], [worker, node]])
            for victim in victims:
                victim.kill()
            for victim in reversed(victims):  # a worker needs a node
                victim.start()
        site.wait_until_idle()
        found = site.jobs()
    assert sorted(job["id"] for job in found) == sorted(acknowledged)
    assert {job["state"] for job in found} == {"done"}
    assert all(job["result"] == int(job["id"].partition("-")[0]) for job in found)
    assert {each["code"] for job in found for each in job.get("failures", ())} <= {"lost"}
    assert len(acknowledged) > KILLS * BATCH
    begun = {(name, token) for _, _, name, token in site.side_effects()}
    assert begun


def test_only_a_worker_that_dies_costs_a_job_an_attempt(tmp_path: Path) -> None:
    """Not a node that is killed, and not a worker that ends as it should."""
    random, site = Random(SEED), Site(tmp_path)
    with site.node() as node, site.worker() as worker:
        for life in range(KILLS):
            ids = [f"{life}-{number}" for number in range(random.randrange(1, 5) * BATCH)]
            site.submit(
                *({"type": "count_once", "id": each, "args": {"number": life}} for each in ids)
            )
            if random.random() < 0.5:
                node.kill()
                node.start()
            else:
                worker.end()
                worker.start()
        site.wait_until_idle()
        found = site.jobs()
    assert [job for job in found if (job["state"], job["attempts"]) != ("done", 1)] == []
    assert len(site.side_effects()) == len(found)


def test_whoever_waits_for_a_job_goes_on_waiting_while_the_node_is_away(tmp_path: Path) -> None:
    """And a worker goes on with it: within its lease, nothing is begun twice."""
    site = Site(tmp_path)

    async def main() -> None:
        node = await asyncio.to_thread(site.node)
        worker = await asyncio.to_thread(site.worker)
        with node, worker:
            async with seriatim.connect(app, site.url, site.token) as opened:
                handle = await wait_long.submit(str(tmp_path))
                behind = await wait_long.submit("nowhere")
                result = asyncio.ensure_future(handle.result())
                drained = asyncio.ensure_future(opened.drain())
                await asyncio.to_thread(site.wait_for_side_effects, 1)
                node.kill()
                await asyncio.sleep(0.2)
                assert not result.done()
                await asyncio.to_thread(node.start)
                await behind.cancel("nobody wants it")
                with pytest.raises(JobError, match="nobody wants it"):
                    await behind
                (tmp_path / "1").touch()
                assert await result == 1
                await drained
                assert (await handle.show())["attempts"] == 1
        assert len(site.side_effects()) == 1

    asyncio.run(main())
