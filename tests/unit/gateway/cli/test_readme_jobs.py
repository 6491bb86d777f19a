"""The pipeline of the README: ingest, analyze, render, as somebody types it, with a kill in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.gateway.cli import app
from tests.support.live_node import live_node

README = Path(__file__).parents[4] / "README.md"


def commands() -> list[str]:
    """Return the lines of the block."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    (block,) = (each for each in blocks if "seriatim job add render" in each)
    return [line for line in block.splitlines() if line]


def type_in(command: str, folder: Path) -> str:
    """Run *command* as a shell in *folder* does; return what it prints."""
    found = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-euc", command],
        cwd=folder,
        env={"PATH": found},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout


def show(job: str, data: Path) -> Any:
    result = CliRunner().invoke(app, ["job", "show", job, "--data", str(data), "--json"])
    return orjson.loads(result.output)


@pytest.mark.slow
def test_the_pipeline_of_the_readme_runs_in_order_over_a_killed_node(tmp_path: Path) -> None:
    *adding, working = commands()
    with live_node(tmp_path / "data", ends_with=-signal.SIGKILL) as node:
        added = [type_in(each, tmp_path).strip() for each in adding]
        assert added == ["page", "words", "text"], "the last one is first"
        node.child.kill()
        node.child.wait()
    with live_node(tmp_path / "data") as node:
        type_in(working, tmp_path)
        shown = [show(job, node.data) for job in reversed(added)]
    assert [(each["state"], each["attempts"]) for each in shown] == [("done", 1)] * 3
    for before, behind in pairwise(shown):
        assert before["ended_ms"] <= behind["started_ms"]
    assert (tmp_path / "page.html").read_text() == "<p>3 words</p>\n"


def test_the_readme_leads_to_every_page() -> None:
    """One that nobody finds is not there."""
    text = README.read_text()
    pages = [*README.parent.glob("docs/*.md"), *README.parent.glob("docs/protocol/*.md")]
    left = [page.relative_to(README.parent).as_posix() for page in pages]
    assert [page for page in left if f"]({page}" not in text] == []
