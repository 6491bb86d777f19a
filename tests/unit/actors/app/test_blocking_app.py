"""The same for programs without a loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.formats.errors import DeadlineExceededError, JobError, StoppingError
from seriatim.formats.jobs.state import JobState
from tests.support.sample_app import add, app, endless, fail


def test_blocking_code_submits_and_waits(tmp_path: Path) -> None:
    with app.open_blocking(tmp_path) as jobs:
        handle = jobs.submit(add, 1, 2)
        assert handle.result(10) == 3
        assert handle.state() is JobState.DONE
        more = jobs.submit(add.options(priority=3), handle.output, 4)
        assert more.result() == 7
        assert jobs.submit(add, handle, 5).result() == 8  # type: ignore[arg-type]  # the handle itself
        assert jobs.submit(add.options(after=[handle, more.handle, more.id]), 9).result() == 9
        first = add.prepare(1)
        results = [each.result() for each in jobs.submit_all(add.prepare(first.output), first)]
        assert results == [1, 1]
        jobs.drain(10)
        with pytest.raises(JobError):
            jobs.submit(fail, "key").result(10)


def test_a_closed_app_takes_nothing_more(tmp_path: Path) -> None:
    with app.open_blocking(tmp_path) as jobs:
        handle = jobs.submit(endless)
        with pytest.raises(DeadlineExceededError):
            handle.result(0.01)
        with pytest.raises(DeadlineExceededError, match="their jobs go on"):
            jobs.drain(0.01)
        handle.cancel()
    with pytest.raises(StoppingError):
        handle.show()
