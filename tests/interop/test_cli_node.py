"""The command line beside a real node: over HTTP by itself, and offline on the node's folder."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.cli.output import Exit
from tests.support.live_node import COMMAND, LiveNode, live_node
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.slow

DEADLINE_S = 30
NODE_WALLET = known_wallet(WalletKind.SECP256K1)


def start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [*COMMAND, *(str(each) for each in arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(*arguments: object, status: int = 0) -> bytes:
    with start(*arguments) as child:
        said, complained = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == status, (said, complained)
    assert b"Traceback" not in complained
    return said


def run_json(*arguments: object, status: int = 0) -> Any:
    return orjson.loads(run(*arguments, "--json", status=status))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    data = tmp_path_factory.mktemp("cli") / "data"
    data.mkdir()
    write_wallet(data / "wallet.json", WalletKind.SECP256K1)
    with live_node(data) as it:
        yield it


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return write_wallet(tmp_path / "user.json", WalletKind.ED25519)


def write_wallet(file: Path, kind: WalletKind) -> Path:
    file.touch(mode=0o600)
    file.write_bytes(known_wallet(kind).to_json())
    return file


@pytest.fixture
def process(request: pytest.FixtureRequest, node: LiveNode) -> str:
    """A process with a spawn and two messages; of another variant with indirect parameters."""
    variant = getattr(request, "param", "ao.N.1")
    process = str(run_json("spawn", "--variant", variant, "--data", node.data)["process"])
    for number in (1, 2):
        sent = run_json("send", process, "--tag", f"N={number}", "--data", node.data)
        assert sent["slot"] == number
    return process


@pytest.mark.parametrize("process", ["ao.TN.1", "ao.N.1", "seriatim.1"], indirect=True)
def test_the_node_on_a_folder_is_found_and_its_folder_read_meanwhile(
    node: LiveNode, process: str, tmp_path: Path
) -> None:
    report = run_json("verify", process, "--data", node.data)
    assert (report["ok"], report["slots"]) == (True, 3)
    assert report["spawner"] == node.address
    exported = tmp_path / "log.jsonl"
    assert run_json("export", process, "--out", exported, "--data", node.data)["slots"] == 3
    assert run_json("verify", exported) == report
    listed = run_json("processes", "--data", node.data)
    row = {
        "process": process,
        "slots": 3,
        "variant": report["variant"],
        "followed": None,
        "queue": None,
    }
    assert row in listed


def test_the_log_is_the_same_over_http_and_from_the_folder(node: LiveNode, process: str) -> None:
    rows = run_json("log", process, "--data", node.data)
    assert [row["slot"] for row in rows] == [0, 1, 2]
    assert run_json("log", process, "--node", node.url) == rows
    assert run_json("log", process, "--node", node.url, "--from", 1, "--to", 1) == rows[1:2]
    assert run_json("log", process, "--node", node.url, "--from", 9) == []


def test_a_node_elsewhere_is_spoken_to_with_a_wallet_of_ones_own(
    node: LiveNode, user: Path, tmp_path: Path
) -> None:
    there = ("--node", node.url, "--wallet", user, "--data", tmp_path / "not-made")
    process = run_json("spawn", *there)["process"]
    assert run_json("send", process, "--text", "hi", *there)["slot"] == 1
    assert not (tmp_path / "not-made").exists()
    address = encode_id(known_wallet(WalletKind.ED25519).address)
    rows = run_json("log", process, "--node", node.url)
    assert [row["owner"] for row in rows] == [address, address]


@pytest.mark.parametrize("source", ["--node", "--data"])
def test_following_shows_what_comes_while_one_looks(
    node: LiveNode, process: str, source: str
) -> None:
    where = {"--node": node.url, "--data": node.data}[source]
    with start("log", process, "--follow", "--to", 4, "--json", source, where) as following:
        assert following.stdout is not None
        first = [orjson.loads(following.stdout.readline()) for _ in range(3)]
        for _ in range(2):
            run_json("send", process, "--data", node.data)
        rest = [orjson.loads(line) for line in following.stdout]
        assert following.wait(DEADLINE_S) == 0
    assert [row["slot"] for row in first + rest] == [0, 1, 2, 3, 4]


def test_what_the_node_refuses_keeps_its_code(node: LiveNode) -> None:
    foreign = ("--tag", f"Scheduler={'A' * 43}")
    refused = run_json("spawn", *foreign, "--data", node.data, status=Exit.REFUSED)
    assert refused["error"] == "foreign_scheduler"
    assert node.address in refused["reason"]
    unknown = run_json("send", "A" * 43, "--data", node.data, status=Exit.NOT_FOUND)
    assert unknown["error"] == "not_found"


def test_a_second_node_on_a_folder_is_refused_naming_the_first(node: LiveNode) -> None:
    refused = run_json("serve", "--data", node.data, "--port", 0, status=Exit.STORE)
    assert refused["error"] == "store_locked"
    assert f"pid {node.pid}" in refused["reason"]


def test_a_port_that_is_taken_is_refused(node: LiveNode, user: Path, tmp_path: Path) -> None:
    port = node.url.rpartition(":")[2]
    arguments = ("--data", tmp_path / "data", "--wallet", user, "--port", port)
    refused = run_json("serve", *arguments, status=Exit.STORE)
    assert f"127.0.0.1:{port}" in refused["reason"]


def test_the_first_start_makes_a_wallet_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with live_node(data) as fresh:
        wallet = data / "wallet.json"
        assert stat.S_IMODE(wallet.stat().st_mode) == 0o600
        shown = run_json("wallet", "show", wallet)
        assert (shown["address"], shown["signature_type"]) == (fresh.address, 1)
    with live_node(data) as again:
        assert again.address == fresh.address


def test_people_are_told_where_the_node_is_and_what_to_try(user: Path, tmp_path: Path) -> None:
    with start("serve", "--data", tmp_path / "data", "--wallet", user, "--port", 0) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"seriatim http://127.0.0.1:")
        child.terminate()
        assert b"seriatim spawn" in child.stdout.read()
        assert child.wait(DEADLINE_S) == 0


def test_a_reader_that_leaves_ends_a_verb_quietly(node: LiveNode, process: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*COMMAND, "export", process, "--data", str(node.data)],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=DEADLINE_S,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")
