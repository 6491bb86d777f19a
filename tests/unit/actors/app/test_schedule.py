"""Jobs that come by the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.state import JobState
from seriatim.testing import VirtualClock, rehearse

pytestmark = pytest.mark.asyncio


def declared(**settings: Any) -> seriatim.App:
    app = seriatim.App()

    @app.job(**settings)
    async def report() -> None: ...

    return app


def done(rehearsal: Any) -> int:
    reader = rehearsal.running.queues.reader
    return len(reader.page("default", states=[JobState.DONE], limit=100).jobs)


@pytest.mark.slow
async def test_a_job_is_submitted_at_each_of_its_times_and_once(tmp_path: Path) -> None:
    clock = VirtualClock()
    hourly = declared(schedule="0 * * * *")
    async with rehearse(hourly, tmp_path, clock=clock) as rehearsal:
        await rehearsal.pass_time(hours=2, minutes=30)
        assert done(rehearsal) == 2
    async with rehearse(hourly, tmp_path, clock=clock) as rehearsal:
        await rehearsal.pass_time(minutes=29)
        assert done(rehearsal) == 2
        await rehearsal.pass_time(minutes=1)
        assert done(rehearsal) == 3
    async with rehearse(declared(), tmp_path, clock=clock) as rehearsal:
        await rehearsal.pass_time(hours=5)
        assert done(rehearsal) == 3, "it has no schedule any more"


@pytest.mark.parametrize("schedule", ["99 * * * *", "now and then"])
async def test_a_schedule_that_is_none_is_refused(tmp_path: Path, schedule: str) -> None:
    with pytest.raises(MalformedError):
        async with rehearse(declared(schedule=schedule), tmp_path):
            raise AssertionError


async def test_a_trigger_may_submit_any_job(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with rehearse(declared(), tmp_path, clock=clock) as rehearsal:
        triggers = rehearsal.running.node._node.triggers
        assert triggers is not None
        await triggers.define(
            {"when": "in 1 minute", "job": {"queue": "default", "type": "report"}}
        )
        for bad in ({"type": "x"}, {"queue": "q"}, {"queue": "q", "type": "x", "id": "y"}):
            with pytest.raises(MalformedError):
                await triggers.define({"when": "in 1 minute", "job": bad})
        await rehearsal.pass_time(minutes=2)
        assert done(rehearsal) == 1
