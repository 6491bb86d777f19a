"""What a system can bound, and that one that cannot says so."""

from __future__ import annotations

import sys

import pytest

from seriatim.actors.executor.bounds import bounds_here, check_runs_here
from seriatim.formats.errors import UnsupportedError


def test_linux_bounds_everything() -> None:
    found = bounds_here(None)
    assert found == (True, True, True, False)
    assert found.notice == ""


def test_another_system_says_what_it_does_not_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert bounds_here(None).notice == (
        "this system does not bound the memory of a job, the number of its OS processes, "
        "what it starts in other sessions"
    )


def test_where_nothing_can_be_run_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    check_runs_here()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UnsupportedError, match="POSIX"):
        check_runs_here()
