"""The same for programs without a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seriatim.formats.errors import (
    DeadlineExceededError,
    JobError,
    MalformedError,
    StoppingError,
)
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


def test_what_is_no_job_is_refused_where_it_is_submitted(tmp_path: Path) -> None:
    no_job: Any = len
    with app.open_blocking(tmp_path, work=False) as jobs:
        with pytest.raises(MalformedError, match=r"a function that is a job.*built-in") as raised:
            jobs.submit(no_job, "x")
        assert raised.value.code == "bad_job"
        with pytest.raises(MalformedError, match=r"prepared.*found <JobFunction") as raised:
            jobs.submit_all(app.functions["add"])  # type: ignore[arg-type]  # that is the point
        assert raised.value.code == "bad_job"
