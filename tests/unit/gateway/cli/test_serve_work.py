"""``seriatim serve --work``: a node with a worker, and what is said where that cannot begin."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final

import orjson
import pytest

from seriatim.gateway.cli.output import Exit
from tests.support.live_node import COMMAND, LiveNode, live_node

pytestmark = pytest.mark.slow

MODULE: Final = "a_module_of_jobs"
GOOD: Final = "import seriatim\n\napp = seriatim.App()\n\n\n@app.job\ndef mail() -> None: ...\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the module is, which OS processes that are begun find."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a file may change twice in a second
    return tmp_path / f"{MODULE}.py"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("raise OSError('no such device')\n", "bad_module"),
        ("import seriatim\n\napp = seriatim.App()\n", "nothing_to_run"),
    ],
)
def test_a_node_whose_worker_cannot_begin_ends_and_says_why(
    module: Path, tmp_path: Path, text: str, code: str
) -> None:
    module.write_text(text)
    options = ["--port", "0", "--work", MODULE, "--json", "--log-json"]
    ended = subprocess.run(
        [*COMMAND, "serve", "--data", tmp_path / "data", *options],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == Exit.REFUSED
    ready, said = (orjson.loads(line) for line in ended.stdout.splitlines())
    assert ready["url"]
    assert said["error"] == code
    logged = [orjson.loads(line) for line in ended.stderr.splitlines()]
    assert "makes an RSA-4096 wallet" in logged[0]["message"], "it is its first start"


def test_a_worker_that_can_begin_no_more_is_a_part_that_is_not_well(
    module: Path, tmp_path: Path
) -> None:
    module.write_text(GOOD)
    with live_node(tmp_path / "data", "--work", MODULE) as node:
        (worker,) = wait_for(lambda: workers(node))
        module.write_text("raise OSError('no such device')\n")
        os.kill(worker["pid"], signal.SIGKILL)
        assert "device" not in str(wait_for(lambda: unwell(node))["worker"])
        module.write_text(GOOD)
        wait_for(lambda: not unwell(node))
        wait_for(lambda: {each["pid"] for each in workers(node)} - {worker["pid"]})


def workers(node: LiveNode) -> list[Any]:
    ended = subprocess.run(
        [*COMMAND, "worker", "list", "--data", node.data, "--json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[Any] = orjson.loads(ended.stdout)["workers"]
    return found


def unwell(node: LiveNode) -> dict[str, Any]:
    """Return the parts that are not well."""
    if node.get("/health").status == 200:
        return {}
    parts = node.get("/readyz").json()["components"]
    return {name: each for name, each in parts.items() if each["status"] != "healthy"}


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what *condition* gives as soon as that is something."""
    end_s = monotonic() + 60
    while not (found := condition()):
        assert monotonic() < end_s
    return found
