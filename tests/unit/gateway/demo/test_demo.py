"""The tour takes itself: every step holds, and a step that does not is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.cli import app
from seriatim.gateway.demo import tour
from seriatim.gateway.demo.node_process import NodeProcess

pytestmark = pytest.mark.crash


def take(*, status: int) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["demo", "--json"])
    assert result.exit_code == status, result.output
    told = orjson.loads(result.stdout)
    assert told["ok"] is (status == 0)
    steps: list[dict[str, Any]] = told["steps"]
    return steps


def test_the_tour_holds() -> None:
    steps = take(status=0)
    assert all(step["held"] for step in steps)
    assert {"SIGKILL", "restart", "legacy pages", "one byte changed"} <= {
        step["name"] for step in steps
    }


@pytest.mark.slow
def test_a_promise_that_is_not_kept_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export is not changed, so verify cannot name a slot; everything before that held."""

    def leave(export: Path, slot: int) -> None:
        assert export.exists()
        assert slot > 0

    monkeypatch.setattr(tour, "_change_byte", leave)
    *before, last = take(status=1)
    assert all(step["held"] for step in before)
    assert last == {"name": "one byte changed", "found": "verify did not notice", "held": False}


def test_an_error_ends_the_tour_with_a_step_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: NodeProcess) -> None:
        raise UnavailableError("the node did not start")

    monkeypatch.setattr(NodeProcess, "start", fail)
    *_, last = take(status=1)
    assert last["found"] == "ended early: the node did not start"


@pytest.mark.slow
def test_people_get_a_table() -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0
    assert "everything held" in result.stdout
