"""``seriatim flag`` against a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.gateway.cli import app
from seriatim.gateway.cli.output import Exit
from tests.support.live_node import LiveNode, live_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    with live_node(tmp_path / "data") as running:
        yield running


def run(*arguments: object, status: Exit = Exit.OK) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def run_json(*arguments: object, status: Exit = Exit.OK) -> Any:
    return orjson.loads(run(*arguments, "--json", status=status))


@pytest.mark.slow
def test_flags_are_set_and_cleared_one_by_one(node: LiveNode) -> None:
    at = ("--data", node.data)
    job = ("job", "add", "t", *at, "--json", "--", "true")
    assert run("flag", "list", *at) == "stop: not set\nterminate: not set\n"
    assert run_json("flag", "set", "stop", *at) == {"stop": True, "terminate": False}
    assert run_json("flag", "set", "terminate", *at) == {"stop": True, "terminate": True}
    assert orjson.loads(run(*job, status=Exit.UNAVAILABLE))["error"] == "stopping"
    assert run("flag", "clear", "stop", *at) == "stop: not set\nterminate: set\n"
    assert "id" in orjson.loads(run(*job))
    assert run("monitor", *at) == "busy\n"  # and it has ended
    assert run_json("flag", "set", "pause", *at, status=Exit.REFUSED)["error"] == "bad_flags"
    run_json("flag", "set", *at, status=Exit.USAGE)
