"""A backup that is killed in its middle is none, and is in the way of nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from seriatim.actors.backup import back_up
from seriatim.actors.offline import open_offline
from seriatim.formats.errors import StoreError
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from tests.support.live_node import COMMAND
from tests.support.records import make_append, make_id

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("backup_driver.py")
P = make_id("p")
BODY = bytes(range(256)) * 256
"""A record is 64 KiB: what is copied fills more than one pipe, and one piece."""


def grow(data: Path, first: int, count: int) -> None:
    """Write some slots, each in a transaction of its own."""
    environment = Environment.open_writer(DataFolder(data).log, is_synced=False)
    log = LmdbLog(environment)
    for slot in range(first, first + count):
        log.append([make_append(P, slot, message=BODY)])
    environment.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    DataFolder(tmp_path / "data").create()
    grow(tmp_path / "data", 0, 100)
    return tmp_path / "data"


def backing_up(data: Path, to: Path) -> subprocess.Popen[bytes]:
    """Begin a backup; return when it is in its middle, where it stays."""
    child = subprocess.Popen(
        [sys.executable, str(DRIVER), str(data), str(to)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    done, of = map(int, child.stdout.readline().split())
    assert 0 < done < of
    return child


def test_a_backup_that_is_killed_is_taken_for_none_and_the_next_one_works(
    data: Path, tmp_path: Path
) -> None:
    to = tmp_path / "copy"
    for _ in range(3):
        with backing_up(data, to) as child:
            with pytest.raises(StoreError, match="somebody else"):
                back_up(data, to, on_bytes=lambda *_: None)
            child.kill()
        assert not to.exists()
    command = [*COMMAND, "backup", str(to), "--data", str(data), "--json"]
    said = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert [head["slot"] for head in said["heads"]] == [99]
    assert {each.name for each in tmp_path.iterdir()} == {"data", "copy"}
    with open_offline(data) as before, open_offline(to) as after:
        assert list(after.records(P, 0, 99)) == list(before.records(P, 0, 99))
