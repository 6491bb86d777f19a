"""``seriatim monitor`` and ``top`` on a folder without a node: what they say, and that is all."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

import seriatim
from seriatim.gateway.cli.output import Exit
from tests.support.command_line import run
from tests.support.live_node import COMMAND, LiveNode


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a job that is done."""
    path = tmp_path_factory.mktemp("node") / "data"

    async def main() -> None:
        jobs = seriatim.App()

        @jobs.job
        async def greet() -> str:
            return "hello"

        async with jobs.open(path):
            await (await greet.submit())

    asyncio.run(main())
    return path


def test_top_shows_what_a_folder_holds(data: Path) -> None:
    status, output = run("top", "--once", "--data", data)
    assert status == Exit.OK
    lines = output.splitlines()
    assert lines[0] == "0 workers, 0 busy, 0 idle"
    assert lines[1].startswith("idle at default ")
    assert lines[4].split()[:2] == ["default", lines[1].rpartition(" ")[2]]


def test_top_as_json_is_what_the_text_is_made_of(data: Path) -> None:
    status, output = run("top", "--once", "--json", "--data", data)
    assert status == Exit.OK
    view: dict[str, Any] = orjson.loads(output)
    assert view["idle"] is True
    assert view["queues"][0]["states"] == {"done": 1}
    assert view["queues"][0]["types"] == {"greet": {"done": 1}}


def test_top_looks_at_the_folder_of_a_node_within_a_program(tmp_path: Path) -> None:
    command = [*COMMAND, "top", "--once", "--json", "--data", str(tmp_path)]
    with seriatim.open_blocking(tmp_path):
        # In an OS process of its own, as people do: no program opens a store twice.
        output = subprocess.run(command, check=True, capture_output=True).stdout
    assert orjson.loads(output)["observer"]["home"] == "process"


def test_monitor_ends_when_all_is_idle(data: Path) -> None:
    status, output = run("monitor", "--until-idle", "--data", data)
    assert (status, output.partition(" default ")[0]) == (Exit.OK, "idle at")


@pytest.mark.parametrize("verb", [("top", "--once"), ("monitor",)])
def test_where_nothing_is_they_say_so(verb: tuple[str, ...], tmp_path: Path) -> None:
    status, output = run(*verb, "--json", "--data", tmp_path)
    assert (status, orjson.loads(output)["error"]) == (Exit.STORE, "store")


def test_what_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for verb in (("top", "--once"), ("monitor",)):
        status, output = run(*verb, "--json", "--data", file)
        assert (status, orjson.loads(output)["error"]) == (Exit.STORE, "store")


def test_thresholds_that_make_no_sense_are_refused(data: Path) -> None:
    status, output = run("monitor", "--json", "--slow", 9, "--stale", 3, "--data", data)
    assert (status, orjson.loads(output)["error"]) == (Exit.REFUSED, "bad_thresholds")


def test_top_asks_the_node_that_runs_on_the_folder(node: LiveNode) -> None:
    status, output = run("top", "--once", "--json", "--data", node.data)
    assert status == Exit.OK, output
    view = orjson.loads(output)
    assert (view["observer"]["home"], view["observer"]["pid"]) == ("node", node.pid)
    assert view["observer"]["tick"] >= 1
    status, output = run("top", "--once", "--json", "--node", node.url)
    assert (status, orjson.loads(output)["error"]) == (Exit.REFUSED, "no_token")


@pytest.mark.slow
def test_a_monitor_looks_at_a_folder_beside_its_node(node: LiveNode) -> None:
    status, output = run("monitor", "--until-idle", "--json", "--data", node.data)
    assert status == Exit.OK, output
    assert orjson.loads(output.splitlines()[0])["observer"]["home"] == "process"
    assert orjson.loads(node.get("/readyz").body)["status"] == "healthy"
