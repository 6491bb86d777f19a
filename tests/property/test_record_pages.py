"""Pages of records in CBOR: what is written comes back, and no bytes break the reader."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.cbor_page import CborPageReader
from seriatim.formats.wire.cbor_schedule import encode_entry, page_open
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import every_kind, seal_log

DRAFTS = every_kind(Variant.HYPERBEAM)
PROCESS = DRAFTS[0].process
LOG = seal_log(DRAFTS)


READER = CborPageReader()


def read(raw: bytes) -> dict[int, Record]:
    return {entry.slot: READER.record(PROCESS, entry) for entry in READER.entries(raw)}


def page_of(first: int, last: int, *, continues: bool = False) -> bytes:
    opening = page_open(
        PROCESS, Variant.HYPERBEAM, Block(), slots=last - first + 1, continues=continues
    )
    slots = range(first, last + 1)
    return opening + b"".join(encode_entry(StoredAssignment(PROCESS, n, LOG[n])) for n in slots)


@pytest.mark.parametrize(("first", "last"), [(0, 4), (1, 1), (2, 1)])
@pytest.mark.parametrize("continues", [False, True])
def test_what_is_written_comes_back(first: int, last: int, *, continues: bool) -> None:
    records = {slot: LOG[slot] for slot in range(first, last + 1)}
    raw = page_of(first, last, continues=continues)
    assert read(raw) == records
    assert cbor2.loads(raw)["continues"] is continues


@pytest.mark.parametrize("slots", [23, 24, 255, 256, 65_535, 65_536])
def test_the_head_counts_as_cbor_does(slots: int) -> None:
    raw = page_open(PROCESS, Variant.NATIVE, Block(), slots=slots, continues=False)
    plain: dict[str, Any] = cbor2.loads(raw + b"\xf6" * slots)
    assert plain["assignments"] == [None] * slots


@given(at=st.integers(0, len(page_of(0, 4)) - 1), value=st.binary(max_size=3))
def test_no_bytes_do_anything_but_decode_or_be_refused(at: int, value: bytes) -> None:
    raw = page_of(0, 4)
    try:
        records = read(raw[:at] + value + raw[at + len(value) :])
    except FormatError:
        return
    assert list(records) == sorted(records)


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "ao.X"},
        {"variant": None},
        {"process": "text"},
        {"process": bytes(31)},
        {"assignments": None},
        {"assignments": [1]},
        {"assignments": [{}]},
    ],
)
def test_what_is_no_page_is_refused(change: dict[str, Any]) -> None:
    plain = {**cbor2.loads(page_of(0, 1)), **change}
    with pytest.raises(MalformedError):
        read(cbor2.dumps(plain))


@pytest.mark.parametrize(
    "change",
    [
        {"slot": -1},
        {"slot": True},
        {"kind": "none"},
        {"kind": 1},
        {"message": "text"},
        {"message-id": bytes(31)},
        {"assignment-id": bytes(33)},
        {"hash-chain": b""},
    ],
)
def test_what_is_no_entry_is_refused(change: dict[str, Any]) -> None:
    plain = cbor2.loads(page_of(0, 0))
    plain["assignments"][0] |= change
    with pytest.raises(MalformedError) as caught:
        read(cbor2.dumps(plain))
    assert caught.value.code == "bad_page"


def test_slots_come_sorted_and_none_twice() -> None:
    plain = cbor2.loads(page_of(0, 1))
    one, two = plain["assignments"]
    assert list(read(cbor2.dumps({**plain, "assignments": [two, one]}))) == [0, 1]
    with pytest.raises(MalformedError) as caught:
        read(cbor2.dumps({**plain, "assignments": [one, one]}))
    assert caught.value.code == "bad_page"


@pytest.mark.parametrize(
    "change", [{"assignments": {}}, {"assignments": [7]}, {"assignments": [{"slot": -1}]}]
)
def test_a_page_without_entries_is_refused_by_the_reader(change: dict[str, Any]) -> None:
    plain = {**cbor2.loads(page_of(0, 1)), **change}
    with pytest.raises(MalformedError) as caught:
        READER.entries(cbor2.dumps(plain))
    assert caught.value.code == "bad_page"


FIRST = cbor2.loads(page_of(0, 0))["assignments"][0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"process": bytes(32)}, "bad_page"),
        ({"process": None}, "bad_page"),
        ({"variant": "ao.X"}, "unknown_variant"),
        ({"variant": 7}, "bad_page"),
        ({"assignments": [{"slot": 3, b"1": {"2": [None, 0.5, b"x"]}}]}, "bad_page"),
        (
            {"assignments": [{**FIRST, "timestamp": 2**63}]},
            "bad_page",
        ),
    ],
)
def test_an_entry_that_is_no_record_has_bytes_to_show(change: dict[str, Any], code: str) -> None:
    """Whatever it is, it is evidence, and goes into a file."""
    entry = READER.entries(cbor2.dumps({**cbor2.loads(page_of(0, 0)), **change}))[0]
    with pytest.raises(MalformedError) as caught:
        READER.record(PROCESS, entry)
    assert caught.value.code == code
    assert cbor2.loads(entry.raw) == entry.plain
