"""Laws of stored and exported records: there and back, and no bit can change unseen."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import CorruptRecordError
from seriatim.formats.schedule.export import (
    ExportHeader,
    decode_export,
    encode_header,
    encode_slot,
)
from seriatim.formats.schedule.record import (
    HEADER_BYTES,
    Head,
    Kind,
    Record,
    decode_head,
    decode_record,
    peek_timestamp_ms,
)
from seriatim.formats.schedule.variant import Variant
from tests.support.records import make_id

PROCESS = make_id("p")
ids = st.binary(min_size=32, max_size=32)
records = st.builds(
    Record,
    st.sampled_from(Variant),
    st.sampled_from(Kind),
    st.integers(0, 2**63 - 1),
    ids,
    ids,
    ids,
    st.binary(max_size=80),
    st.binary(max_size=80),
)


@given(record=records, slot=st.integers(0, 2**40))
def test_a_record_comes_back_as_it_was(record: Record, slot: int) -> None:
    stored = record.encode()
    assert decode_record(stored, process=PROCESS, slot=slot) == record
    assert decode_head(stored, process=PROCESS, slot=slot) == Head(
        slot, record.variant, record.timestamp_ms, record.assignment_id, record.hash_chain
    )
    assert peek_timestamp_ms(stored, process=PROCESS, slot=slot) == record.timestamp_ms
    with pytest.raises(CorruptRecordError):
        peek_timestamp_ms(stored[:5], process=PROCESS, slot=slot)


@given(record=records, data=st.data())
def test_any_flipped_bit_is_a_corrupt_record(record: Record, data: st.DataObject) -> None:
    stored = bytearray(record.encode())
    at = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[at // 8] ^= 1 << at % 8
    for decode in (decode_record, decode_head):
        with pytest.raises(CorruptRecordError) as caught:
            decode(bytes(stored), process=PROCESS, slot=7)
        assert caught.value.slot == 7


@given(record=records, data=st.data())
def test_a_record_cut_or_grown_anywhere_is_corrupt(record: Record, data: st.DataObject) -> None:
    stored = record.encode()
    cut = stored[: data.draw(st.integers(0, len(stored) - 1))]
    for damaged in (cut, stored + data.draw(st.binary(min_size=1, max_size=9))):
        with pytest.raises(CorruptRecordError):
            decode_record(damaged, process=PROCESS, slot=0)


def test_every_bit_of_the_header_counts() -> None:
    record = Record(Variant.LEGACY, Kind.ITEM, 5, PROCESS, PROCESS, PROCESS, b"m", b"a")
    stored = record.encode()
    for at in range(HEADER_BYTES * 8):
        damaged = bytearray(stored)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(CorruptRecordError):
            decode_record(bytes(damaged), process=PROCESS, slot=0)


@given(variant=st.sampled_from(Variant), drawn=st.lists(records, max_size=5))
def test_an_export_comes_back_as_it_was(variant: Variant, drawn: list[Record]) -> None:
    whole = [record._replace(variant=variant) for record in drawn]
    header = ExportHeader(PROCESS, variant, len(whole))
    lines = [encode_header(header)]
    lines += [encode_slot(slot, record) for slot, record in enumerate(whole)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    found, slots = decode_export(lines)
    assert found == header
    assert list(slots) == list(enumerate(whole))


@pytest.mark.parametrize("at", [1, 2], ids=["variant", "kind"])
def test_a_sound_record_of_a_kind_that_is_not_known_is_refused(at: int) -> None:
    """Its checksum holds: a newer seriatim, or somebody's tool, has written it."""
    record = Record(Variant.LEGACY, Kind.ITEM, 5, PROCESS, PROCESS, PROCESS, b"m", b"a")
    body = bytearray(record.encode()[8:])
    body[at] = 99
    stored = sha256(body).digest()[:8] + bytes(body)
    with pytest.raises(CorruptRecordError, match="99"):
        decode_record(stored, process=PROCESS, slot=0)
