"""``seriatim flag`` against a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from seriatim.gateway.cli.output import Exit
from tests.support.command_line import run, run_json
from tests.support.live_node import LiveNode, live_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    with live_node(tmp_path / "data") as running:
        yield running


@pytest.mark.slow
def test_flags_are_set_and_cleared_one_by_one(node: LiveNode) -> None:
    at = ("--data", node.data)
    job = ("job", "add", "t", *at, "--json", "--", "true")
    assert run("flag", "list", *at) == (Exit.OK, "stop: not set\nterminate: not set\n")
    assert run_json("flag", "set", "stop", *at) == {"stop": True, "terminate": False}
    assert run_json("flag", "set", "terminate", *at) == {"stop": True, "terminate": True}
    status, output = run(*job)
    assert (status, orjson.loads(output)["error"]) == (Exit.UNAVAILABLE, "stopping")
    assert run("flag", "clear", "stop", *at) == (Exit.OK, "stop: not set\nterminate: set\n")
    status, output = run(*job)
    assert status == Exit.OK, output
    assert run("monitor", *at) == (Exit.OK, "busy\n")  # and it has ended
    assert run_json("flag", "set", "pause", *at, status=Exit.REFUSED)["error"] == "bad_flags"
    run_json("flag", "set", *at, status=Exit.USAGE)
