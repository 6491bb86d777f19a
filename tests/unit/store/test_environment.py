"""Opening, closing and refusing an environment, within one OS process."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import lmdb
import pytest

from seriatim.formats.errors import SchedulerError, StoreError, StoreVersionError
from seriatim.formats.limits import DISK_FREE_MIN_BYTES, MAP_BYTES
from seriatim.store.environment import STORE_FORMAT, Environment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.records import make_append, make_appends, make_id, make_record

P = make_id("process p")
Q = make_id("process q")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the environment is to be."""
    return tmp_path / "data" / "log"


@pytest.fixture(params=[0o000, 0o077, 0o777], ids="{:o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run the test under a umask, and put the old one back."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_new_store_is_open_to_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    Environment.open_writer(folder).close()
    assert _mode(folder) == 0o700
    assert {entry.name: _mode(entry) for entry in folder.iterdir()} == {
        "data.mdb": 0o600,
        "lock.mdb": 0o600,
    }


def test_old_files_are_taken_away_from_group_and_others(folder: Path) -> None:
    Environment.open_writer(folder).close()
    (folder / "data.mdb").chmod(0o644)
    Environment.open_writer(folder).close()
    assert _mode(folder / "data.mdb") == 0o600


def test_the_environment_is_opened_in_its_durable_mode(folder: Path) -> None:
    Environment.open_writer(folder).close()
    # As py-lmdb sees the settings that count after a crash; `_handle` is not for anybody else.
    environment = Environment.open_writer(folder)
    handle = environment._handle  # the settings have no other witness
    flags = handle.flags()
    assert (flags["sync"], flags["metasync"], flags["writemap"]) == (True, True, False)
    assert (flags["lock"], flags["meminit"]) == (True, True)
    assert handle.lib_version()[:2] == (0, 9)
    assert handle.info()["map_size"] == MAP_BYTES
    environment.close()


def test_a_store_says_what_it_is_and_who_made_it(folder: Path) -> None:
    Environment.open_writer(folder, created_by="seriatim 9.9").close()
    environment = Environment.open_writer(folder, created_by="somebody else")
    with environment.reading() as transaction:
        meta = environment.database(b"meta")
        stored = [bytes(transaction.get(key, b"", db=meta)) for key in (b"format", b"created-by")]
    assert stored == [STORE_FORMAT.to_bytes(4, "big"), b"seriatim 9.9"]
    environment.close()


@pytest.mark.parametrize("opened", [Environment.open_writer, Environment.open_reader])
def test_a_newer_store_is_refused_and_left_as_it_is(
    folder: Path, opened: Callable[[Path], Environment]
) -> None:
    environment = Environment.open_writer(folder)
    with environment.writing() as transaction:
        newer = (STORE_FORMAT + 1).to_bytes(4, "big")
        transaction.put(b"format", newer, db=environment.database(b"meta"))
    environment.close()
    with pytest.raises(StoreVersionError) as refusal:
        opened(folder)
    assert refusal.value.found == STORE_FORMAT + 1
    assert refusal.value.supported == STORE_FORMAT
    with pytest.raises(StoreVersionError):
        opened(folder)  # the first attempt, still held by its traceback, was closed


def test_a_reader_needs_a_store(folder: Path) -> None:
    with pytest.raises(StoreError, match="holds no store"):
        Environment.open_reader(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("opened", "database"),
    [
        (Environment.open_writer, b"somebody's"),
        (Environment.open_reader, b"somebody's"),
        (Environment.open_reader, b"meta"),
    ],
)
def test_an_environment_of_another_program_is_refused(
    folder: Path, opened: Callable[[Path], Environment], database: bytes
) -> None:
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), max_dbs=1, lib_version=0) as foreign:
        handle = foreign.open_db(database)
        with foreign.begin(write=True) as transaction:
            transaction.put(b"key", b"value", db=handle)
    with pytest.raises(StoreError, match=r"other program|no store of seriatim"):
        opened(folder)


def test_a_file_that_is_not_lmdb_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "data.mdb").write_bytes(b"not a database " * 1_000)
    for opened in (Environment.open_writer, Environment.open_reader):
        with pytest.raises(StoreError, match="cannot be opened"):
            opened(folder)


def test_a_store_that_is_open_already_is_refused_and_not_disturbed(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder))
    for opened in (Environment.open_writer, Environment.open_reader):
        with pytest.raises(StoreError, match="already open"):
            opened(folder)
    log.append(make_appends(P, [0]))
    log.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="is not a folder"):
        Environment.open_writer(tmp_path / "data" / "log")


def test_a_data_file_that_cannot_be_made_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "data.mdb").symlink_to(folder / "missing" / "elsewhere")
    with pytest.raises(StoreError, match="cannot be made"):
        Environment.open_writer(folder)


def test_a_block_that_raises_writes_nothing(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    meta = environment.database(b"meta")
    with pytest.raises(ZeroDivisionError), environment.writing() as transaction:
        transaction.put(b"key", b"value", db=meta)
        raise ZeroDivisionError
    with environment.reading() as transaction:
        assert transaction.get(b"key", db=meta) is None
    environment.close()


def test_a_closed_environment_refuses_every_transaction(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    environment.close()
    environment.close()
    with pytest.raises(StoreError, match="closed"), environment.reading():
        pytest.fail("the block ran")
    with pytest.raises(StoreError, match="closed"), environment.writing():
        pytest.fail("the block ran")
    with pytest.raises(StoreError, match="closed"):
        environment.reader_check()


def test_closing_waits_for_a_read_in_another_thread(folder: Path) -> None:
    """A buffer that outlives its environment is a segmentation fault, not an exception."""
    environment = Environment.open_writer(folder)
    meta = environment.database(b"meta")
    reading, may_end = threading.Event(), threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        with environment.reading() as transaction:
            stored = transaction.get(b"created-by", db=meta)
            reading.set()
            may_end.wait()
            seen.append(bytes(stored or b""))

    reader = threading.Thread(target=read)
    closer = threading.Thread(target=environment.close)
    reader.start()
    reading.wait()
    closer.start()
    try:
        with pytest.raises(StoreError, match="closed"):
            while True:  # until the close has begun
                environment.reader_check()
        assert closer.is_alive()
    finally:
        may_end.set()
        reader.join()
        closer.join()
    assert seen == [b"seriatim"]


def test_a_full_map_writes_nothing_and_reads_go_on(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder, map_bytes=1 << 20))
    log.append(make_appends(P, range(3)))
    too_much = [make_append(Q, slot, message=bytes(64 * 1024)) for slot in range(32)]
    with pytest.raises(StoreError, match="MAP_FULL"):
        log.append(too_much)
    assert log.head(Q) is None
    assert log.find(too_much[0].ids[0]) == []
    assert log.processes(limit=9) == [P]
    assert [record for _, record in log.read_range(P, 0, 9)] == [
        make_record(P, slot) for slot in range(3)
    ]
    assert log.append(make_appends(P, [3])) == 3, "a smaller batch still finds room"
    log.close()


def test_who_cannot_write_hears_that_the_disk_is_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB itself says "Input/output error" where a page has been written in part."""
    environment = Environment.open_writer(folder)
    for free_bytes, said in ((DISK_FREE_MIN_BYTES - 1, "make room"), (DISK_FREE_MIN_BYTES, "$")):
        monkeypatch.setattr(
            "seriatim.store.environment.disk_usage",
            lambda _, free_bytes=free_bytes: Room(free_bytes),
        )
        with pytest.raises(StoreError, match=f"Input/output error.*{said}"), environment.writing():
            raise lmdb.Error("mdb_txn_commit: Input/output error")
    environment.close()


class Room(NamedTuple):
    """What `shutil.disk_usage` gives."""

    free: int


def test_what_is_written_within_another_transaction_is_there_with_it_or_not_at_all(
    folder: Path,
) -> None:
    environment = Environment.open_writer(folder)
    tree = LmdbTree(environment)
    with environment.writing():
        tree.put(("one",), b"1")
        assert tree.get(("one",)) == b"1", "it sees what it has written"
        seen: list[bytes | None] = []
        other = threading.Thread(target=lambda: seen.append(tree.get(("one",))))
        other.start()
        other.join()
        assert seen == [None], "nobody else does"
    assert tree.get(("one",)) == b"1"

    def fail_within() -> None:
        with environment.writing():
            tree.put(("two",), b"2")
            with contextlib.suppress(SchedulerError):
                tree.put(("one", "below"), b"no group")
            tree.put(("three",), b"3")

    with pytest.raises(StoreError, match="a part of what"):
        fail_within()
    assert (tree.get(("two",)), tree.get(("three",))) == (None, None)
    tree.put(("two",), b"2")
    assert tree.get(("two",)) == b"2", "the next one is none the worse"
    environment.close()
