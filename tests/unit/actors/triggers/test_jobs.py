"""Triggers that submit jobs: each time is one, however long that takes, as it is one message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

import seriatim
from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.actors.queue.commands import Change
from seriatim.actors.queue.queues import Queues
from seriatim.actors.triggers import firing
from seriatim.actors.triggers.runs import Run
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import DeadlineExceededError, OverloadedError, SchedulerError
from seriatim.formats.jobs.spec import Asked
from seriatim.formats.jobs.state import LIVE
from seriatim.formats.limits import FIRE_LATE_MS, FIRES_OF_TRIGGER_MAX, RUNS_AT_ONCE_MAX
from seriatim.formats.triggers.definition import JOBS
from seriatim.testing import VirtualClock, pass_time
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

START = datetime(2026, 1, 1, tzinfo=UTC)
_START_MS: Final = int(START.timestamp() * 1_000)
SECOND = timedelta(seconds=1)
NAME: Final = "beat"
BEAT: Final[Mapping[str, Any]] = {
    "when": "every 1 second",
    "name": NAME,
    "job": {"queue": "default", "type": "report"},
}


def table_of(node: EmbeddedNode) -> TriggerTable:
    table = node._node.triggers
    assert table is not None
    return table


def queues_of(node: EmbeddedNode) -> Queues:
    queues = node._node.queues
    assert queues is not None
    return queues


def said(node: EmbeddedNode) -> Counter[str]:
    """Return how often what has happened: a word of the log; of a miss, the reason."""
    found = [each.fields for each in node.triggers.history(NAME, limit=1_000)]
    return Counter(str(each.get("reason", each["action"])) for each in found)


def jobs(node: EmbeddedNode) -> int:
    return len(queues_of(node).reader.page("default", states=LIVE, limit=1_000).jobs)


class Submissions:
    """What triggers do instead of submitting a job: it takes until it may end.

    Attributes:
        nominals: for when, in their order.
        may_end: until then, none ends.
    """

    def __init__(self) -> None:
        self.nominals: list[datetime] = []
        self.may_end = asyncio.Event()

    async def act(self, run: Run) -> None:
        self.nominals.append(START + timedelta(milliseconds=run.begun.nominal_ms - _START_MS))
        await self.may_end.wait()


async def test_each_time_that_is_late_by_less_than_a_minute_is_one_job(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await table_of(node).define(BEAT)
        await pass_time(node, clock, seconds=3)
        assert jobs(node) == 3
    clock.advance(seconds=22)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock)
        assert said(node) == {"define": 1, "run": 25, "end": 25}
        assert jobs(node) == 25


@pytest.mark.parametrize(
    ("misfire", "more", "fates"),
    [
        ("once", {}, {"coalesced": 40, "run": 60}),
        ("skip", {}, {"late": 40, "run": 60}),
        ("all", {}, {"run": 100}),
        ("all", {"window": "90s"}, {"too_old": 10, "run": 90}),
    ],
)
async def test_what_is_later_the_misfire_policy_decides(
    tmp_path: Path, misfire: str, more: Mapping[str, str], fates: Mapping[str, int]
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await table_of(node).define({**BEAT, **more, "misfire": misfire})
    clock.advance(seconds=100, milliseconds=500)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock)
        found = said(node)
        missed = [each for each in node.triggers.history(NAME) if each.fields["action"] == "miss"]
        assert found["run"] == found["end"] == jobs(node) == fates["run"]
        assert found.keys() - {"define", "end"} == fates.keys()
        assert len(missed) == len(fates) - 1


async def test_a_time_waits_for_the_submission_before_it_and_is_not_missed(tmp_path: Path) -> None:
    clock, submissions, count = VirtualClock(START), Submissions(), FIRES_OF_TRIGGER_MAX
    async with seriatim.open(tmp_path, clock=clock) as node:
        table_of(node).provide(JOBS, submissions.act)
        await table_of(node).define(BEAT)
        clock.advance(seconds=1)
        await until(lambda: len(submissions.nominals) == 1)
        clock.advance(seconds=count - 1)
        assert submissions.nominals == [START + SECOND]
        submissions.may_end.set()
        await node.triggers.settled()
        assert submissions.nominals == [START + n * SECOND for n in range(1, count + 1)]
        assert said(node) == {"define": 1, "run": count, "end": count}


async def test_times_that_cannot_be_submitted_hold_up_no_other_trigger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "FIRES_WAITING_MAX", FIRES_OF_TRIGGER_MAX + 5)
    clock, submissions, seconds = VirtualClock(START), Submissions(), 3 * FIRES_OF_TRIGGER_MAX
    async with seriatim.open(tmp_path, clock=clock) as node:
        table_of(node).provide(JOBS, submissions.act)
        await table_of(node).define(BEAT)
        process = await node.spawn({"name": "target"})
        await node.triggers.add("every second", process=process, message={})
        for second in range(1, seconds + 1):
            clock.advance(seconds=1)
            await until(lambda: node.slot(process) == second)  # noqa: B023  # waited for at once
        assert len(submissions.nominals) == 1
        submissions.may_end.set()
        await node.triggers.settled()
        await pass_time(node, clock)
        on_time = range(0, FIRE_LATE_MS + 1, 1_000)
        count = 1 + FIRES_OF_TRIGGER_MAX + len(on_time)  # the first was under way
        assert said(node) == {"define": 1, "coalesced": 1, "run": count, "end": count}


async def test_what_was_interrupted_is_submitted_before_those_that_are_late(
    tmp_path: Path,
) -> None:
    clock, submissions = VirtualClock(START), Submissions()
    async with seriatim.open(tmp_path, clock=clock) as node:
        table_of(node).provide(JOBS, submissions.act)
        await table_of(node).define(BEAT)
        clock.advance(seconds=1)
        await until(lambda: len(submissions.nominals) == 1)
    clock.advance(seconds=10)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await pass_time(node, clock)
        assert said(node) == {"define": 1, "run": 11, "end": 11}
        assert jobs(node) == 11


@pytest.mark.parametrize(
    "error",
    [DeadlineExceededError("the queue", deadline_ms=1), OverloadedError("it", retry_after_ms=1)],
)
async def test_what_cannot_be_submitted_now_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: SchedulerError
) -> None:
    clock, tries = VirtualClock(START), 0
    submit = Queues.submit

    async def slow(queues: Queues, *rest: Any) -> Any:
        nonlocal tries
        submitted = await submit(queues, *rest)
        tries += 1
        if tries < 3:  # nobody knows that it has come about
            raise error
        return submitted

    monkeypatch.setattr(Queues, "submit", slow)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await table_of(node).define({**BEAT, "when": "in 1 second"})
        for count in range(1, 4):
            clock.advance(seconds=1)
            await until(lambda: tries == count)  # noqa: B023  # waited for at once
        await node.triggers.settled()
        assert (tries, jobs(node)) == (3, 1)
        codes = [each.fields.get("code") for each in node.triggers.history(NAME)]
        assert not any(codes)


async def test_a_queue_that_is_full_gets_no_job_and_the_end_of_the_time_says_so(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await table_of(node).define(BEAT)
        await queues_of(node).change("default", Change({"jobs_max": 1}))
        await pass_time(node, clock, seconds=2)
        ends = [each.fields.get("code") for each in node.triggers.history(NAME)]
        assert [each for each in ends if each] == ["queue_full"]
        assert jobs(node) == 1


async def test_what_waits_to_be_tried_again_keeps_no_place_of_other_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, refused = VirtualClock(START), set[str]()
    submit = Queues.submit

    async def submit_elsewhere(queues: Queues, queue: str, asked: Sequence[Asked]) -> Any:
        if queue == "default":
            return await submit(queues, queue, asked)
        refused.update(each.id for each in asked)
        raise DeadlineExceededError(f"queue {queue}", deadline_ms=1)

    monkeypatch.setattr(Queues, "submit", submit_elsewhere)
    async with seriatim.open(tmp_path, clock=clock) as node:
        for number in range(RUNS_AT_ONCE_MAX):
            job = {"queue": "broken", "type": "report"}
            await table_of(node).define({"when": "in 1 second", "name": f"{number}", "job": job})
        await table_of(node).define({**BEAT, "when": "in 2 seconds"})
        clock.advance(seconds=1)
        await until(lambda: len(refused) == RUNS_AT_ONCE_MAX)
        clock.advance(seconds=1)
        await until(lambda: said(node)["end"] == 1)
        assert jobs(node) == 1


async def test_with_the_flag_stop_a_time_has_no_job_and_its_end_says_so(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    async with seriatim.open(tmp_path, clock=clock) as node:
        await table_of(node).define(BEAT)
        await queues_of(node).wishes.change_flags(stop=True)
        await pass_time(node, clock, seconds=2)
        ends = [each.fields for each in node.triggers.history(NAME)][-1]
        assert (ends["action"], ends["code"]) == ("end", "stopping")
        await queues_of(node).wishes.change_flags(stop=False)
        await pass_time(node, clock, seconds=1)
        assert jobs(node) == 1
