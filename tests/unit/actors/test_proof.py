"""Logs outside of a node: an export is whole or not there, and a check counts what it saw."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import seriatim
from seriatim.actors.proof import (
    LogCopy,
    check_log,
    open_export,
    open_folder_log,
    write_export,
)
from seriatim.formats.errors import (
    ChainBrokenError,
    MalformedError,
    NotFoundError,
    StoreError,
)
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.record import Record

SLOTS = 5


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def process(data: Path) -> bytes:
    """A process with `SLOTS` slots; no node runs on its folder any more."""
    with seriatim.open_blocking(data) as node:
        process = node.spawn()
        for number in range(1, SLOTS):
            node.schedule(process, {"n": number})
    return decode_id(process)


def test_a_folder_and_its_export_give_the_same_report(
    data: Path, process: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    with open_folder_log(data, process) as log:
        write_export(log, file)
    with open_folder_log(data, process) as log:
        from_folder = check_log(log)
    with open_export(file) as log:
        assert check_log(log) == from_folder
    assert from_folder.slots == SLOTS


def test_each_good_slot_is_told(data: Path, process: bytes) -> None:
    told: list[tuple[int, int]] = []
    with open_folder_log(data, process) as log:
        check_log(log, on_slot=lambda slots, of: told.append((slots, of)))
    assert told == [(slots, SLOTS) for slots in range(1, SLOTS + 1)]


@pytest.mark.parametrize(
    ("wanted", "slot", "given"), [(SLOTS + 1, SLOTS, "the end"), (SLOTS - 1, SLOTS - 1, "5 slots")]
)
def test_another_number_of_slots_than_promised_is_refused(
    data: Path, process: bytes, wanted: int, slot: int, given: str
) -> None:
    with open_folder_log(data, process) as log:
        other = LogCopy(log.header._replace(slots=wanted), log.records)
        with pytest.raises(ChainBrokenError) as broken:
            check_log(other)
    assert (broken.value.slot, broken.value.given) == (slot, given)
    assert broken.value.expected == f"{wanted} slots"


def test_an_export_that_fails_leaves_what_was_there(
    data: Path, process: bytes, tmp_path: Path
) -> None:
    def fail(records: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
        yield next(records)
        raise StoreError("the disk is gone")

    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "log.jsonl"
    file.write_bytes(b"yesterday's")
    with (
        open_folder_log(data, process) as log,
        pytest.raises(StoreError, match="gone"),
    ):
        write_export(log._replace(records=fail(log.records)), file)
    assert file.read_bytes() == b"yesterday's"
    assert list(folder.iterdir()) == [file]


def test_an_export_is_durable_with_its_name(
    data: Path, process: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.jsonl"
    synced: list[tuple[Path, bool]] = []
    monkeypatch.setattr(
        "seriatim.actors.new_file.sync_folder",
        lambda folder: synced.append((folder, file.exists())),
    )
    with open_folder_log(data, process) as log:
        write_export(log, file)
    assert synced == [(tmp_path, True)]


def test_an_export_goes_into_a_pipe(data: Path, process: bytes, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads, open_folder_log(data, process) as log:
        read = threads.submit(pipe.read_bytes)
        write_export(log, pipe)
        assert read.result(10).count(b"\n") == 1 + SLOTS
    assert pipe.is_fifo()


def test_a_device_stays_a_device(data: Path, process: bytes, tmp_path: Path) -> None:
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with open_folder_log(data, process) as log, pytest.raises(OSError, match="No space") as full:
        write_export(log, link)
    assert full.value.filename == str(link)
    assert link.is_char_device()
    assert link.is_symlink()


@pytest.mark.parametrize("is_there", [True, False])
def test_an_export_goes_where_a_link_leads(
    data: Path, process: bytes, tmp_path: Path, *, is_there: bool
) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    if is_there:
        target.touch(mode=0o640)
    link.symlink_to(target)
    with open_folder_log(data, process) as log:
        write_export(log, link)
    assert link.is_symlink()
    assert target.read_bytes().count(b"\n") == 1 + SLOTS
    if is_there:
        assert stat.S_IMODE(target.stat().st_mode) == 0o640, "as it was"


def test_no_file_beside_it_is_harmed(data: Path, process: bytes, tmp_path: Path) -> None:
    others = [tmp_path / f".log.jsonl{end}.new" for end in ("", f".{os.getpid()}")]
    for other in others:
        other.write_bytes(b"precious")
    with open_folder_log(data, process) as log, pytest.raises(FileExistsError):
        write_export(log, tmp_path / "log.jsonl")
    assert [other.read_bytes() for other in others] == [b"precious"] * 2


@pytest.mark.parametrize("name", ["folder", "folder/.", "folder/none/log.jsonl", ""])
def test_where_no_file_can_be_the_path_itself_is_named(
    data: Path, process: bytes, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with open_folder_log(data, process) as log, pytest.raises(OSError, match="irectory") as refused:
        write_export(log, Path(name))
    assert Path(refused.value.filename).resolve() == Path(name).resolve()
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith("new")]


def test_whoever_reads_the_old_export_meanwhile_reads_all_of_it(
    data: Path, process: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"yesterday's")
    with file.open("rb") as reader, open_folder_log(data, process) as log:
        write_export(log, file)
        assert reader.read() == b"yesterday's"
    assert file.read_bytes().count(b"\n") == 1 + SLOTS


def test_what_is_not_there_is_not_found(data: Path, process: bytes) -> None:
    assert process
    with pytest.raises(NotFoundError), open_folder_log(data, bytes(32)):
        pass


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(b"{}")
    with pytest.raises(MalformedError) as refused, open_export(file):
        pass
    assert refused.value.code == "bad_export"
