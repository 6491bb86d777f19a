"""The tour takes itself: every step holds, and a step that does not is said."""

from __future__ import annotations

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.formats.errors import NotFoundError
from seriatim.gateway.cli import app
from seriatim.gateway.demo import tour


@pytest.mark.crash
def test_the_tour_holds() -> None:
    result = CliRunner().invoke(app, ["demo", "--json"])
    told = orjson.loads(result.stdout)
    assert told["ok"], told
    assert result.exit_code == 0
    assert {"SIGKILL", "restart", "one byte changed"} <= {step["name"] for step in told["steps"]}


@pytest.mark.crash
def test_a_step_that_does_not_hold_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: tour.Tour, process: str) -> list[bytes]:
        raise NotFoundError(f"no log of {process}")

    monkeypatch.setattr(tour.Tour, "_export", fail)
    result = CliRunner().invoke(app, ["demo", "--json"])
    told = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert not told["ok"]
    assert "ended early" in told["steps"][-1]["found"]
