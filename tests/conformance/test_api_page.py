"""``docs/protocol/api.md`` is held to the API: every route is on it, and its example runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.api_schema import DOCUMENT
from tests.support.live_node import live_node

PAGE: Final = (Path(__file__).parents[2] / "docs/protocol/api.md").read_text()
NAMES: Final = {"{trigger}": "ID", "{worker}": "NAME"}


def on_the_page(path: str) -> str:
    """Return *path* as the page writes it: what stands for something is in capitals."""
    return re.sub(r"\{\w+\}", lambda each: NAMES.get(each[0], each[0][1:-1].upper()), path)


def is_told(method: str, path: str) -> bool:
    """Tell whether a row has *path*, or its last part behind a route with the same beginning."""
    parent, _, last = on_the_page(path).rpartition("/")
    cells = [row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `")]
    named = [cell for cell in cells if re.search(rf"`{method}\b", cell) and f" {parent}/" in cell]
    return any(re.search(rf"[/`]{last}[`?]", cell) for cell in named)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method in ("get", "post", "delete") and not path.endswith("/openapi.json")
    ],
)
def test_every_route_has_a_row(method: str, path: str) -> None:
    assert is_told(method, path), f"{method} {on_the_page(path)}"


def test_what_is_no_route_has_no_row() -> None:
    assert not is_told("DELETE", "/api/v1/queues/{queue}")
    assert not is_told("GET", "/api/v1/queues/{queue}/jobs/{job}/end")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is for curl")
def test_the_example_runs_from_a_submission_to_its_ending(tmp_path: Path) -> None:
    block = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    with live_node(tmp_path / "data") as node:
        script, places = re.subn(r"(?m)^NODE=.*$", f"NODE={node.url}", block[1])
        assert places == 1
        ran = subprocess.run(
            ["sh", "-euc", script],
            cwd=tmp_path,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "no_proxy": "*"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    submitted, reported, ended = ran.stdout.splitlines()
    assert submitted == '{"jobs":[{"id":"mail-1","repeated":false}]}'
    assert reported.startswith('{"refused":{},"lost":[]')
    assert '"state":"done"' in ended
