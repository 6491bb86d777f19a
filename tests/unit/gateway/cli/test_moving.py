"""``seriatim backup``, ``export`` and ``import``: a folder, or one queue of it, elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.gateway.cli.output import Exit
from tests.support.builders import NODE
from tests.support.command_line import invoke, run_json
from tests.support.live_node import LiveNode, live_node
from tests.support.strategies import known_wallet


def make_folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    (path / "wallet.json").touch(mode=0o600)
    (path / "wallet.json").write_bytes(known_wallet(NODE).to_json())
    return path


def add(node: LiveNode, name: str) -> str:
    at = ("--data", node.data, "--queue", "mail")
    return str(run_json("job", "add", name, "--args", "{}", *at)["id"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "data")


@pytest.mark.slow
def test_a_queue_is_exported_by_its_name_and_goes_on_in_another_folder(
    data: Path, tmp_path: Path
) -> None:
    file, other = tmp_path / "mail.jsonl", make_folder(tmp_path / "other")
    with live_node(data) as node:
        jobs = [add(node, f"job-{number}") for number in range(3)]
        shown = run_json("queue", "show", "mail", "--data", data)
        assert (
            f"  process: {shown['process']}"
            in invoke("queue", "show", "mail", "--data", data).output
        )
        said = run_json("export", "mail", "--out", file, "--data", data)
        assert said == {"process": shown["process"], "slots": shown["slot"] + 1, "file": str(file)}
        taken = ("import", file, "--data", data)
        assert run_json(*taken, status=Exit.STORE)["error"] == "store_locked"
    by_id = invoke("export", said["process"], "--data", data).stdout_bytes
    assert invoke("export", "mail", "--data", data).stdout_bytes == by_id == file.read_bytes()
    verified = run_json("queue", "verify", "mail", "--data", data)
    taken = run_json("import", file, "--data", other)
    counted = {"slots": said["slots"], "rows": verified["rows"]}
    assert taken == {"queue": "mail", "process": said["process"], **counted}
    assert invoke("export", "mail", "--data", other).stdout_bytes == by_id
    assert run_json("queue", "verify", "mail", "--data", other) == verified
    with live_node(other) as node:
        add(node, "one-more")
        listed = run_json("job", "list", "--queue", "mail", "--data", other)["jobs"]
        assert {job["id"] for job in listed} > set(jobs)
        assert len(listed) == 4
    assert run_json("import", file, "--data", other, status=Exit.REFUSED)["error"] == "queue_exists"


@pytest.mark.slow
def test_processes_say_whose_queue_they_are(data: Path) -> None:
    with live_node(data) as node:
        add(node, "job")
    (queue,) = (each for each in run_json("processes", "--data", data) if each["queue"])
    assert queue["queue"] == "mail"
    assert f"{queue['slots']} slots  queue mail" in invoke("processes", "--data", data).output


@pytest.mark.slow
def test_an_import_says_what_it_has_made(data: Path, tmp_path: Path) -> None:
    with live_node(data) as node:
        add(node, "job")
    file = tmp_path / "mail.jsonl"
    run_json("export", "mail", "--out", file, "--data", data)
    said = invoke("import", file, "--data", tmp_path / "other").output
    assert said.startswith("queue mail: ")
    assert invoke("export", "nobody", "--data", data).exit_code == Exit.NOT_FOUND
    assert invoke("import", tmp_path / "none", "--data", data).exit_code == Exit.STORE


@pytest.mark.slow
def test_a_backup_says_what_it_holds(data: Path, tmp_path: Path) -> None:
    with live_node(data) as node:
        add(node, "job")
        made = run_json("backup", tmp_path / "copy", "--data", data)
        said = invoke("backup", tmp_path / "second", "--data", data).output
    assert (made["folder"], made["wallet"]) == (str(tmp_path / "copy"), True)
    held = {each["process"]: each["slots"] - 1 for each in run_json("processes", "--data", data)}
    assert {head["process"]: head["slot"] for head in made["heads"]} == held
    for head in made["heads"]:
        last = run_json("log", head["process"], "--from", head["slot"], "--data", data)[-1]
        assert last["hash_chain"] == head["hash_chain"]
        assert f"{head['process']}  slot {head['slot']}  {head['hash_chain']}" in said
    assert f"{len(held)} processes, " in said
    again = run_json("backup", tmp_path / "copy", "--data", data, status=Exit.STORE)
    assert again["error"] == "store"


@pytest.mark.slow
def test_a_backup_without_a_wallet_says_which_one_to_keep(data: Path, tmp_path: Path) -> None:
    wallet = tmp_path / "wallet.json"
    (data / "wallet.json").rename(wallet)
    with live_node(data, "--wallet", str(wallet)) as node:
        add(node, "job")
    said = invoke("backup", tmp_path / "copy", "--data", data)
    assert said.exit_code == Exit.OK
    assert "keep the one that the node is started with" in said.stderr
