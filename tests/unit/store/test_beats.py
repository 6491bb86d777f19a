"""Beats on disk: bytes by the names of workers, kept through the end of a node."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from seriatim.formats.errors import LimitExceededError, StoreError
from seriatim.formats.limits import BEAT_MAX_BYTES, WORKER_NAME_MAX_BYTES
from seriatim.store.beats import BeatStore

BOOT = "a run of the machine"


def test_what_was_kept_is_there_for_whoever_reads_and_for_the_next_node(tmp_path: Path) -> None:
    path = tmp_path / "beats"
    store = BeatStore.open_writer(path, boot=BOOT)
    store.change([("b", b"2"), ("a", b"1"), ("c", b"3")])
    store.change([("b", None), ("c", b"4"), ("nobody", None)])
    store.close()
    reader = BeatStore.open_reader(path)
    assert reader.all() == [("a", b"1"), ("c", b"4")]
    assert reader.all(limit=1) == [("a", b"1")]
    assert (reader.get("c"), reader.get("b"), reader.get("")) == (b"4", None, None)
    reader.close()
    store = BeatStore.open_writer(path, boot=BOOT)
    assert store.get("a") == b"1"
    store.close()


@pytest.mark.parametrize(("before", "after"), [(BOOT, "another one"), (BOOT, ""), ("", "")])
def test_after_another_start_of_the_machine_it_begins_anew(
    tmp_path: Path, before: str, after: str
) -> None:
    store = BeatStore.open_writer(tmp_path / "beats", boot=before)
    store.change([("a", b"1")])
    store.close()
    # What a power cut may leave: nothing of it is looked at.
    (tmp_path / "beats" / "data.mdb").write_bytes(b"\xff" * 8192)
    store = BeatStore.open_writer(tmp_path / "beats", boot=after)
    assert store.all() == []
    store.close()


def test_nothing_of_it_is_synced(tmp_path: Path) -> None:
    store = BeatStore.open_writer(tmp_path / "beats", boot=BOOT)
    flags = store._environment._handle.flags()  # the settings have no other witness
    assert (flags["sync"], flags["writemap"], flags["lock"]) == (False, False, True)
    store.close()


def test_whoever_opens_it_to_read_cannot_write(tmp_path: Path) -> None:
    BeatStore.open_writer(tmp_path / "beats", boot=BOOT).close()
    reader = BeatStore.open_reader(tmp_path / "beats")
    with pytest.raises(StoreError, match=lmdb.ReadonlyError.__name__ + "|[Pp]ermission|EACCES"):
        reader.change([("a", b"1")])
    reader.close()


@pytest.mark.parametrize(
    ("worker", "beat"),
    [("w" * (WORKER_NAME_MAX_BYTES + 1), b""), ("w", bytes(BEAT_MAX_BYTES + 1))],
)
def test_what_is_too_long_is_refused_with_all_that_came_with_it(
    tmp_path: Path, worker: str, beat: bytes
) -> None:
    store = BeatStore.open_writer(tmp_path / "beats", boot=BOOT)
    with pytest.raises(LimitExceededError):
        store.change([("a", b"1"), (worker, beat)])
    assert store.all() == []
    assert store.get(worker) is None
    store.close()


WRITER = """
import os, signal, sys
from pathlib import Path
from seriatim.store.beats import BeatStore
store = BeatStore.open_writer(Path(sys.argv[1]), boot="b")
for number in range(50):
    store.change([("w", b"%d" % number)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_kept_outlives_a_node_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "beats"
    killed = subprocess.run([sys.executable, "-c", WRITER, path], check=False)
    assert killed.returncode == -9
    store = BeatStore.open_writer(path, boot="b")
    assert store.all() == [("w", b"49")]
    store.close()


def test_where_there_is_none_nobody_reads(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no store"):
        BeatStore.open_reader(tmp_path / "beats")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        BeatStore.open_writer(tmp_path / "file", boot=BOOT)
