"""Logs outside of a node: an export is whole or not there, and a check counts what it saw."""

from __future__ import annotations

from collections.abc import Iterator
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
    told: list[None] = []
    with open_folder_log(data, process) as log:
        check_log(log, on_slot=lambda: told.append(None))
    assert len(told) == SLOTS


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
