"""Backups: whole or not there, to start a node on, and taken while another one runs."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

import seriatim
from seriatim.actors.backup import back_up
from seriatim.actors.new_folder import new_folder
from seriatim.actors.offline import open_offline
from seriatim.actors.proof import check_log, encode_log, open_folder_log
from seriatim.actors.queue.reader import QueueReader
from seriatim.formats.errors import StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import Head
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.builders import NODE
from tests.support.live_node import LiveNode, live_node
from tests.support.strategies import known_wallet

SLOTS = 5
BACKUPS = 5


def nobody(done: int, of: int) -> None:
    assert 0 < done <= of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a wallet, a process and evidence; no node runs on it any more."""
    path = tmp_path / "data"
    with seriatim.open_blocking(path) as node:
        process = node.spawn()
        for number in range(1, SLOTS):
            node.schedule(process, {"n": number})
    folder = DataFolder(path)
    folder.operator_token.write_text("A" * 43)
    write_wallet(path)
    folder.evidence.mkdir()
    (folder.evidence / "x-1-fork.json").write_bytes(b"evidence")
    (folder.evidence / ".x-2-fork.json.1.new").write_bytes(b"half")
    return path


def write_wallet(data: Path) -> None:
    file = DataFolder(data).wallet
    file.touch(mode=0o600)
    file.write_bytes(known_wallet(NODE).to_json())


def heads_of(path: Path) -> dict[bytes, Head]:
    with open_offline(path) as folder:
        return dict(folder.processes())


def exports_of(path: Path) -> dict[bytes, bytes]:
    exports = {}
    for process in heads_of(path):
        with open_folder_log(path, process) as log:
            exports[process] = b"".join(encode_log(log))
    return exports


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(path: Path) -> set[str]:
    return {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}


def test_a_backup_holds_what_the_folder_held_and_a_node_goes_on_from_there(
    data: Path, tmp_path: Path
) -> None:
    made = back_up(data, tmp_path / "deep" / "copy", on_bytes=nobody)
    copy = tmp_path / "deep" / "copy"
    assert dict(made.heads) == heads_of(data) == heads_of(copy)
    assert exports_of(copy) == exports_of(data)
    assert made.size_bytes == (copy / "log" / "data.mdb").stat().st_size
    (process,) = (encode_id(each) for each in heads_of(copy))
    with seriatim.open_blocking(copy) as node:
        assert node.schedule(process, {"n": SLOTS}).slot == SLOTS
        assert node.verify(process).slots == SLOTS + 1


def test_it_has_the_wallet_and_the_evidence_for_its_owner_only_and_no_token(
    data: Path, tmp_path: Path
) -> None:
    copy = DataFolder(tmp_path / "copy")
    made = back_up(data, copy.path, on_bytes=nobody)
    assert made.has_wallet
    assert copy.wallet.read_bytes() == DataFolder(data).wallet.read_bytes()
    files = {"log/data.mdb", "log/lock.mdb", "wallet.json", "evidence/x-1-fork.json"}
    assert names_in(copy.path) == files
    assert {mode_of(copy.path / name) for name in files} == {0o600}
    assert {mode_of(folder) for folder in (copy.path, copy.log, copy.evidence)} == {0o700}


def test_a_folder_without_a_wallet_has_a_backup_that_says_so(data: Path, tmp_path: Path) -> None:
    DataFolder(data).wallet.unlink()
    assert not back_up(data, tmp_path / "copy", on_bytes=nobody).has_wallet


def test_an_empty_folder_is_filled(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    back_up(data, Path(), on_bytes=nobody)
    assert heads_of(tmp_path / "empty") == heads_of(data)


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_is_left_alone(data: Path, tmp_path: Path, kind: str) -> None:
    there = tmp_path / "there"
    if kind == "folder":
        there.mkdir()
        (there / "mine").touch()
    elif kind == "file":
        there.touch()
    else:
        (tmp_path / "empty").mkdir()
        there.symlink_to(tmp_path / "empty")
    before = set(tmp_path.iterdir())
    with pytest.raises(StoreError, match="name another"):
        back_up(data, there, on_bytes=nobody)
    assert set(tmp_path.iterdir()) == before


def test_where_there_is_no_store_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="start a node on it first"):
        back_up(tmp_path / "none", tmp_path / "copy", on_bytes=nobody)
    assert not list(tmp_path.iterdir())


class StopError(Exception):
    """Somebody wants no more of it."""


@pytest.mark.parametrize("error", [StopError(), KeyboardInterrupt(), OSError(28, "No space left")])
def test_one_that_ends_in_the_middle_leaves_nothing(
    data: Path, tmp_path: Path, error: BaseException
) -> None:
    def stop(done: int, of: int) -> None:
        raise error

    expected = StoreError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        back_up(data, tmp_path / "copy", on_bytes=stop)
    assert list(tmp_path.iterdir()) == [data]


def test_two_at_once_do_not_meet_and_what_a_killed_one_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / ".copy.partial"
    (left / "log").mkdir(parents=True)
    (left / "log" / "data.mdb").write_bytes(b"half")
    with new_folder(tmp_path / "copy") as partial:
        assert partial == left
        assert not list(partial.iterdir())
        with pytest.raises(StoreError, match="somebody else"), new_folder(tmp_path / "copy"):
            pass
        (partial / "file").touch()
    assert names_in(tmp_path) == {"copy/file"}


@pytest.mark.slow
def test_backups_under_load_are_each_a_moment_of_the_node(tmp_path: Path) -> None:
    """What was acknowledged before one began is in it; its rows are what its logs say."""
    data, stop = tmp_path / "data", Event()
    data.mkdir(mode=0o700)
    write_wallet(data)
    with live_node(data) as node, ThreadPoolExecutor(2) as clients:
        added: list[int] = []
        adding = [clients.submit(add_jobs, node, stop, added) for _ in range(2)]
        for number in range(BACKUPS):
            while len(added) < 10 * (number + 1):
                node.get("/readyz")
            acknowledged = len(added)
            back_up(data, tmp_path / str(number), on_bytes=nobody)
            with open_offline(tmp_path / str(number)) as folder:
                verified = folder.verify_queue("q")
                assert verified.differs == ()
            with open_folder_log(tmp_path / str(number), verified.process) as log:
                assert check_log(log).slots == verified.slots
            assert acknowledged <= jobs_in(tmp_path / str(number)) <= len(added) + len(adding)
        stop.set()
        for each in adding:
            each.result()
    with live_node(tmp_path / "0") as node:
        held = jobs_in(tmp_path / "0")
        add_job(node)
        assert jobs_in(tmp_path / "0") == held + 1


def add_jobs(node: LiveNode, stop: Event, added: list[int]) -> None:
    while not stop.is_set():
        add_job(node)
        added.append(1)


def add_job(node: LiveNode) -> None:
    token = (node.data / "operator-token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    body = b'{"jobs": [{"type": "t", "args": {}}]}'
    assert node.post("/api/v1/queues/q/jobs", body, headers=headers).status == 201


def jobs_in(path: Path) -> int:
    """Return how many jobs wait in the queue of the folder *path*."""
    environment = Environment.open_reader(DataFolder(path).log)
    try:
        return QueueReader(LmdbTree(environment)).now("q").states["pending"]
    finally:
        environment.close()
