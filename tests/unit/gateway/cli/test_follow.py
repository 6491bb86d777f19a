"""``seriatim follow`` against a node in an OS process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from seriatim.actors.follow.follower import News
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.cli import app
from seriatim.gateway.cli.follow import _Say
from seriatim.gateway.cli.output import Exit
from tests.support.builders import NODE, message, spawn
from tests.support.live_node import COMMAND, LiveNode, live_node
from tests.support.strategies import known_wallet

FIRST = spawn(Variant.LEGACY, "followed")
PROCESS = encode_id(FIRST.process)


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wallet") / "wallet.json"
    path.touch(0o600)
    path.write_bytes(known_wallet(NODE).to_json())
    return path


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, wallet: Path) -> Iterator[LiveNode]:
    data = tmp_path_factory.mktemp("source") / "data"
    with live_node(data, "--wallet", str(wallet)) as it:
        for submission in (FIRST, *(message(FIRST.process, f"m{n}") for n in range(5))):
            assert it.post("/~scheduler@1.0/schedule", submission.message).status == 200
        yield it


def run(*arguments: object, status: int = 0) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, [str(each) for each in (*arguments, "--json")])
    assert result.exit_code == status, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def follow_once(url: str, data: Path, status: int = 0) -> list[dict[str, Any]]:
    return run("follow", url, PROCESS, "--data", data, "--once", status=status)


@pytest.mark.slow
def test_a_copy_verifies_and_is_served_read_only(
    node: LiveNode, wallet: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    said = follow_once(node.url, copy)
    assert [each["what"] for each in said] == ["head", "end"]
    assert said[-1]["slots"] == 6
    (report,) = run("verify", PROCESS, "--data", copy)
    assert (report["ok"], report["slots"], report["scheduler"]) == (True, 6, node.address)
    (listed,) = run("processes", "--data", copy)
    assert listed[0]["followed"] == node.url  # type: ignore[index]  # a list on one line
    path = f"/{PROCESS}/schedule"
    with live_node(copy, "--wallet", str(wallet)) as it:
        pages = [each.get(path, accept="application/json").json() for each in (it, node)]
        assert pages[0]["assignments"] == pages[1]["assignments"]
        legacy = f"/{PROCESS}?process-id={PROCESS}"
        assert it.get(legacy).body == node.get(legacy).body
        refused = it.post(path, message(FIRST.process, "new").message)
        assert (refused.status, refused.json()["code"]) == (307, "followed")
        assert node.url in refused.json()["detail"]
        assert node.address in refused.json()["detail"]
        (locked,) = follow_once(node.url, copy, status=Exit.STORE)
        assert locked["error"] == "store_locked"


@pytest.mark.slow
def test_what_the_folder_schedules_itself_is_not_followed(
    node: LiveNode, wallet: Path, tmp_path: Path
) -> None:
    with live_node(tmp_path / "own", "--wallet", str(wallet)) as it:
        assert it.post("/~scheduler@1.0/schedule", FIRST.message).status == 200
    (refused,) = follow_once(node.url, tmp_path / "own", status=Exit.REFUSED)
    assert refused["error"] == "own_process"


@pytest.mark.slow
def test_a_finding_ends_with_1_and_names_the_evidence(
    node: LiveNode, wallet: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    follow_once(node.url, copy)
    with live_node(tmp_path / "second", "--wallet", str(wallet)) as other:
        for submission in (FIRST, *(message(FIRST.process, f"x{n}") for n in range(7))):
            assert other.post("/~scheduler@1.0/schedule", submission.message).status == 200
        (found,) = follow_once(other.url, copy, status=Exit.FAILED)
        result = CliRunner().invoke(
            app, ["follow", other.url, PROCESS, "--data", str(copy), "--once"]
        )
    assert (found["ok"], found["error"], found["slot"]) == (False, "fork", 5)
    evidence = orjson.loads(Path(found["evidence"]).read_bytes())
    assert (evidence["kind"], evidence["url"]) == ("fork", other.url)
    assert result.exit_code == Exit.FAILED
    assert result.stderr.startswith(f"fork: process {PROCESS}, slot 5: ")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_while_it_waits_for_a_slot(
    node: LiveNode, tmp_path: Path, number: int
) -> None:
    command = [*COMMAND, "follow", node.url, PROCESS, "--data", str(tmp_path / "copy"), "--json"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert orjson.loads(child.stdout.readline())["what"] == "head"
        while b"seriatim_readers_waiting 1.0" not in node.get("/metrics").body:
            pass
        os.kill(child.pid, number)
        assert orjson.loads(child.stdout.readline()) == {"what": "end", "slots": 6}
        assert child.wait(30) == 0


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://127.0.0.1:9", Exit.UNAVAILABLE, "unavailable"),
        ("nonsense", Exit.USAGE, "usage"),
        ("http://user@127.0.0.1:9", Exit.USAGE, "usage"),
    ],
)
def test_what_is_no_source_says_so(url: str, status: Exit, code: str, tmp_path: Path) -> None:
    (said,) = follow_once(url, tmp_path / "copy", status=status)
    assert said["error"] == code


@pytest.mark.slow
def test_news_are_said_once_and_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        say = _Say("http://node.example", 0, as_json=as_json)
        for news in (
            News("page", 500),
            News("head", 700),
            News("head", 700),
            News("behind", 700),
            News("behind", 700),
            News("away", 700, "nobody \x1b[31m", 250),
            News("away", 700, "nobody", 500),
        ):
            say(news)
        say.end(700)
        lines = capsys.readouterr().out.splitlines()
        if as_json:
            assert [orjson.loads(line)["what"] for line in lines] == [
                *("head", "behind", "away", "away", "end")
            ]
        else:
            assert lines == [
                "700 slots, all that http://node.example has",
                "700 slots; http://node.example has fewer now, waiting",
                "700 slots; nobody ?[31m; trying again in 0.25 s",
                "700 slots; nobody; trying again in 0.5 s",
                "700 slots, verified",
            ]
