"""One node per data folder, and how the others find it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seriatim.formats.errors import StoreError, StoreLockedError
from seriatim.store.folder import DataFolder
from seriatim.store.lock import FolderLock, LockHolder, holder

STARTED_MS = 1_700_000_000_000
URL = "http://127.0.0.1:8734"

_HOLD = """
import os, sys
from pathlib import Path
from seriatim.store.lock import FolderLock
lock = FolderLock.acquire(Path(sys.argv[1]), pid=os.getpid(), started_ms=1)
lock.announce("http://127.0.0.1:1")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the lock file is to be."""
    return DataFolder(tmp_path / "data").lock


@pytest.fixture
def lock(path: Path) -> Iterator[FolderLock]:
    """Hold the lock for this OS process."""
    lock = FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    yield lock
    lock.release()


@pytest.fixture
def other_node(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another OS process hold the lock."""
    node = subprocess.Popen(  # our own interpreter and script
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert node.stdout is not None
    assert node.stdout.readline() == "held\n"
    yield node
    node.kill()
    node.communicate()


def test_the_holder_is_found_with_its_url(path: Path, lock: FolderLock) -> None:
    assert holder(path) == LockHolder(os.getpid(), None, STARTED_MS)
    lock.announce(URL)
    assert holder(path) == LockHolder(os.getpid(), URL, STARTED_MS)
    lock.announce("http://h")
    assert holder(path) == LockHolder(os.getpid(), "http://h", STARTED_MS)


def test_the_lock_file_is_open_to_its_owner_only(path: Path, lock: FolderLock) -> None:
    assert os.fstat(lock.fileno()).st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_second_node_is_refused_and_told_who_is_first(
    path: Path, other_node: subprocess.Popen[str]
) -> None:
    with pytest.raises(StoreLockedError) as refusal:
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    assert refusal.value.pid == other_node.pid
    assert refusal.value.url == "http://127.0.0.1:1"
    found = holder(path)
    assert found is not None
    assert found.pid == other_node.pid


def test_a_second_lock_in_the_same_process_is_refused_too(path: Path, lock: FolderLock) -> None:
    with pytest.raises(StoreLockedError) as refusal:
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    assert refusal.value.pid == os.getpid()
    lock.announce(URL)
    assert holder(path) is not None, "the refused attempt took nothing away"


def test_the_file_of_a_killed_node_does_not_block(
    path: Path, other_node: subprocess.Popen[str]
) -> None:
    other_node.kill()
    other_node.wait()
    assert path.read_bytes(), "it had no time to clear up"
    assert holder(path) is None
    lock = FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    assert holder(path) == LockHolder(os.getpid(), None, STARTED_MS)
    lock.release()


def test_a_child_that_writes_for_the_node_keeps_the_folder_locked(path: Path) -> None:
    """Or a new node could start between the node's death and its child's last transaction."""
    lock = FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.readline()"],
        stdin=subprocess.PIPE,
        pass_fds=(lock.fileno(),),
    )
    lock.release()
    with pytest.raises(StoreLockedError):
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    child.kill()
    child.communicate()
    FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS).release()


def test_a_released_lock_has_no_holder_although_its_pid_lives(path: Path, lock: FolderLock) -> None:
    lock.release()
    lock.release()
    assert holder(path) is None
    FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS).release()


def test_without_a_file_there_is_no_holder(path: Path) -> None:
    assert holder(path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"7",
        b'{"pid": 1}',
        b'{"pid": "1", "url": null, "started": 0}',
        b'{"pid": 0, "url": null, "started": 0}',
        b'{"pid": -1, "url": null, "started": 0}',
        b'{"pid": 1, "url": null, "started": "today"}',
        b'{"pid": 99999999999999999999999, "url": null, "started": 0}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_content_that_names_nobody_is_nobody(
    path: Path, lock: FolderLock, content: bytes
) -> None:
    os.ftruncate(lock.fileno(), 0)
    os.pwrite(lock.fileno(), content, 0)
    assert holder(path) is None


def test_a_holder_that_has_not_written_yet_is_refused_with_pid_0(
    path: Path, lock: FolderLock
) -> None:
    os.ftruncate(lock.fileno(), 0)
    with pytest.raises(StoreLockedError) as refusal:
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    assert refusal.value.pid == 0


def test_the_pid_of_another_users_process_counts_as_alive(
    path: Path, lock: FolderLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, signal: int) -> None:
        raise PermissionError(pid, signal)

    monkeypatch.setattr(os, "kill", refuse)
    assert holder(path) is not None
    assert lock.fileno() >= 0


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "somewhere"
    target.write_text("precious")
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(StoreError, match="cannot be opened"):
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
    with pytest.raises(StoreError, match="cannot be opened"):
        holder(path)
    assert target.read_text() == "precious"


def test_a_url_that_does_not_fit_is_refused(path: Path, lock: FolderLock) -> None:
    lock.announce(URL)
    with pytest.raises(StoreError, match="too long"):
        lock.announce("http://" + "h" * 1_024)
    found = holder(path)
    assert found is not None
    assert found.url == URL


def test_a_lock_that_cannot_be_written_is_an_error(lock: FolderLock) -> None:
    lock.release()
    with pytest.raises(StoreError, match="cannot be written"):
        lock.announce(URL)


def test_a_lock_that_the_file_system_refuses_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, f"no locks for {descriptor}, {operation}")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match="cannot be locked"):
        FolderLock.acquire(path, pid=os.getpid(), started_ms=STARTED_MS)
