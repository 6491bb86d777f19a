"""``seriatim conform`` from the command line: what it prints, writes, and ends with."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import orjson
import pytest

from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.cli.output import Exit
from tests.support.defective_node import DEFECTS, Defect, defective, sound
from tests.support.http_node import serving
from tests.support.strategies import known_wallet

NODE = "http://127.0.0.1:1"


def start(folder: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run the verb in *folder* as people do, after *code*."""
    script = f"{code}\nfrom seriatim.gateway.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", script, "conform", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )


def hold(tmp_path: Path, *options: str, defect: Defect = sound) -> subprocess.CompletedProcess[str]:
    """Run the verb on a node of ours with *defect*, in an empty folder."""
    empty = tmp_path / "empty"
    empty.mkdir()

    async def main() -> subprocess.CompletedProcess[str]:
        async with (
            serving(tmp_path / "data", wallet=known_wallet(WalletKind.ED25519)) as http,
            defective(http, defect) as url,
        ):
            return await asyncio.to_thread(start, empty, url, "--examples", "10", *options)

    return asyncio.run(main())


@pytest.mark.slow
def test_what_holds_is_a_table_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ran = hold(tmp_path, "--only", "slots, messages")
    assert (ran.returncode, ran.stderr) == (Exit.OK, "")
    assert "4 hold, 0 fail, 0 skipped; seed 0, up to 10 plans for each check" in ran.stdout
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.slow
def test_what_does_not_hold_is_shown_with_its_requests(tmp_path: Path) -> None:
    ran = hold(tmp_path, "--only", "slots", "--kind", "legacy", defect=DEFECTS["slots"]())
    assert ran.returncode == Exit.FAILED
    assert "found [0, 1, 3], expected [0, 1, 2]" in ran.stdout
    lines = [line.split()[:2] for line in ran.stdout.splitlines() if line.startswith("  ")]
    assert [line[1] for line in lines if line[0].endswith(".")] == ["POST", "POST", "POST", "GET"]


@pytest.mark.slow
def test_json_and_junit_say_the_same(tmp_path: Path) -> None:
    ran = hold(tmp_path, "--only", "slots", "--json", "--junit", "j.xml", defect=DEFECTS["slots"]())
    assert ran.returncode == Exit.FAILED
    plain = orjson.loads(ran.stdout)
    assert (plain["ok"], plain["fails"], plain["seed"]) == (False, 2, 0)
    suites = list(ET.parse(tmp_path / "empty" / "j.xml").getroot())
    assert [suite.attrib["name"] for suite in suites] == ["legacy", "hyperbeam"]
    assert [suite.attrib["failures"] for suite in suites] == ["1", "1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((NODE,), Exit.UNAVAILABLE, "gives no reply"),
        ((NODE, "--only", "nothing"), Exit.REFUSED, "choose from slots"),
        (("not-a-url",), Exit.USAGE, "no node's URL"),
        ((NODE, "--examples", "0"), Exit.USAGE, "examples"),
        ((NODE, "--junit", "no/such/folder.xml"), Exit.STORE, "No such file"),
        ((NODE, "--kind", "other"), Exit.USAGE, "hyperbeam"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, arguments: tuple[str, ...], status: Exit, said: str
) -> None:
    ran = start(tmp_path, *arguments)
    assert (ran.returncode, ran.stdout) == (status, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys\nsys.modules['hypothesis'] = None"
    ran = start(tmp_path, NODE, "--json", code=code)
    assert ran.returncode == Exit.REFUSED
    assert "install seriatim[conform]" in orjson.loads(ran.stdout)["reason"]
