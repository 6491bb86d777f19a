"""Records: what a job writes is what the measuring side reads, once, whole and in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.bench.jobs import record as module
from seriatim.gateway.bench.jobs.record import (
    RECORD_BYTES,
    Record,
    RecordReader,
    decode_records,
    encode_record,
    run_job,
)
from seriatim.gateway.bench.jobs.stage import Stage

numbers = st.integers(0, 2**64 - 1)
records = st.lists(st.builds(Record, numbers, numbers), max_size=20)


def test_a_record_is_two_numbers_of_8_bytes_the_lowest_byte_first() -> None:
    assert encode_record(Record(1, 256)).hex() == "01000000000000000001000000000000"


@given(records, st.binary(max_size=RECORD_BYTES - 1))
def test_what_is_written_is_read_but_for_what_is_being_written(
    given_records: list[Record], begun: bytes
) -> None:
    assert decode_records(b"".join(map(encode_record, given_records)) + begun) == given_records


@given(raw=st.binary(max_size=5 * RECORD_BYTES), cuts=st.lists(st.integers(0, 5 * RECORD_BYTES)))
def test_a_reader_gives_each_record_once_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, cuts: list[int]
) -> None:
    file = tmp_path_factory.mktemp("records") / "records"
    reader = RecordReader(file)
    read = []
    for end in [*sorted(cuts), len(raw)]:
        file.write_bytes(raw[:end])
        waiting = reader.waiting()
        new = reader.read_new()
        assert len(new) == waiting
        read += new
    assert read == decode_records(raw)


def test_there_is_nothing_to_read_before_the_first_job(tmp_path: Path) -> None:
    reader = RecordReader(tmp_path / "records")
    assert (reader.waiting(), reader.read_new()) == (0, [])


def test_a_job_appends_its_record_where_its_stage_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, {"redis": "redis://127.0.0.1:1"})
    for name, value in stage.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Stage.of_this_process() == stage
    module._descriptor.cache_clear()
    run_job(7)
    run_job(8)
    first, second = RecordReader(stage.records).read_new()
    assert (first.number, second.number) == (7, 8)
    assert 0 < first.began_ns <= second.began_ns
