"""``seriatim bench`` runs, and its JSON keeps its shape. What it finds is not tested here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.gateway.bench.figure import Part
from seriatim.gateway.bench.run import PARTS
from seriatim.gateway.cli import app

FIGURE_SHAPE = {
    "part": str,
    "name": str,
    "unit": str,
    "value": float,
    "values": list,
    "p50_us": float | None,
    "p99_us": float | None,
    "ceiling_name": str,
    "ceiling": float,
    "ceilings": list,
    "ceiling_p50_us": float | None,
    "ceiling_p99_us": float | None,
    "ratio": float,
    "aim": float | None,
    "aim_is_most": bool | None,
    "met": bool | None,
    "n": int,
    "rounds": int,
}
CEILINGS = {
    Part.IN_PROCESS: {"LMDB commit each", "LMDB group commit"},
    Part.HTTP: {"aiohttp hello", "raw signing"},
    Part.PAGES: {"aiohttp, same bytes", "raw cursor"},
    Part.IDLE: {"2 KB", "two ids in a dict", "1 slot"},
    Part.ENCODE: {"raw cursor", "raw signing, all cores"},
    Part.COMPUTE: {"the fold in a loop", "the same of 1,024 slots"},
    Part.TIMERS: {
        "2 KB",
        "appends",
        "with one",
        "as many messages at once, p50",
        "as many messages at once, p99",
        "1 % of a core",
        "a node without timers",
    },
}
# Measured beside us where somebody has installed it.
PEERS = {"APScheduler 3, in memory", "APScheduler 3, on disk"}


def run_bench(folder: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "seriatim", "bench", "--quick", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.long
def test_a_quick_run_prints_each_figure_beside_its_ceiling(tmp_path: Path, part: Part) -> None:
    out = tmp_path / "found.json"
    printed = run_bench(tmp_path, "--only", part.value, "--json", "--out", str(out)).stdout
    found: dict[str, Any] = orjson.loads(printed)
    assert orjson.loads(out.read_bytes()) == found
    assert set(found) == {"seriatim", "quick", "took_s", "others_share", "machine", "figures"}
    assert found["quick"] is True
    assert found["machine"]["fsync_4k_p50_us"] > 0
    assert list(found["others_share"]) == [part.value]
    assert 0 <= found["others_share"][part.value] < 1
    assert {"python", "lmdb", "aiohttp", "uvloop"} <= set(found["machine"]["versions"])
    assert {figure["part"] for figure in found["figures"]} == {part.value}
    assert {figure["ceiling_name"] for figure in found["figures"]} - PEERS == CEILINGS[part]
    for figure in found["figures"]:
        assert set(figure) == set(FIGURE_SHAPE)
        for name, kind in FIGURE_SHAPE.items():
            assert isinstance(figure[name], kind), (name, figure[name])
        assert figure["value"] == median(figure["values"]) > 0
        assert figure["ceiling"] == median(figure["ceilings"]) > 0
        assert figure["ratio"] == figure["value"] / figure["ceiling"]
        assert len(figure["values"]) == len(figure["ceilings"]) == figure["rounds"]
        assert (figure["met"] is None) == (figure["aim"] is None)
    assert list(tmp_path.iterdir()) == [out], "the run takes its data away"


@pytest.mark.slow
def test_people_get_a_table_with_the_machine_below(tmp_path: Path) -> None:
    printed = run_bench(tmp_path, "--only", "a").stdout.decode()
    assert "64 callers, 1 process, threads" in printed
    assert "cores" in printed
    assert "fsync of 4 KB" in printed


def test_an_unknown_part_is_refused_before_anything_is_measured() -> None:
    result = CliRunner().invoke(app, ["bench", "--only", "a,x", "--json"])
    assert result.exit_code == 4
    told = orjson.loads(result.stdout)
    assert told == {"error": "bad_part", "reason": "no part x; choose from a, b, c, d, e, f, g"}
