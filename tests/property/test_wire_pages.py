"""Pages are read back: a record that a page was made from comes back byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotVerifiableError,
    SchedulerError,
)
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import submit_item, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.wire import aos2
from seriatim.formats.wire.cbor_page import CborPageReader
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageReader
from seriatim.formats.wire.schedule_page import SchedulePageReader
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import (
    every_kind,
    make_draft,
    message,
    message_item,
    seal_log,
    spawn,
    unsigned,
)
from tests.support.hyperbeam import (
    DATA_ITEM,
    PROCESS,
    RECORDED,
    http_spawn,
    http_submission,
    rsa_wallet,
    stored_of,
)
from tests.support.sources import legacy_page, record_page, schedule_page
from tests.support.strategies import known_wallet

BLOCK = Block(9, bytes(range(32)), 7)


def read(reader: PageReader, process: bytes, page: bytes) -> list[Record]:
    return [reader.record(process, entry) for entry in reader.entries(page)]


values = st.recursive(
    st.text(max_size=4)
    | st.integers(-(2**40), 2**40)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    variant=st.sampled_from(Variant),
    fields=st.dictionaries(st.text("xyz", min_size=1, max_size=3), values, max_size=4),
    binary=st.binary(max_size=6),
)
def test_our_schedule_gives_every_record_back(
    variant: Variant, fields: dict[str, Value], binary: bytes
) -> None:
    drafts = every_kind(variant)
    process = drafts[0].process
    plain = submit_unsigned(Message({**fields, "raw": binary}), process=process)
    drafts.append(make_draft(plain, len(drafts), variant))
    records = seal_log(drafts)
    slots = range(7, 7 + len(records))
    for reader, page in (
        (SchedulePageReader(), schedule_page),
        (CborPageReader(), record_page),
    ):
        assert read(reader, process, page(process, records)) == records
        assert [entry.slot for entry in reader.entries(page(process, records, 7))] == [*slots]


@given(
    data=st.text(max_size=20),
    tags=st.dictionaries(
        st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), max_size=4
    ),
    kind=st.sampled_from([WalletKind.ED25519, WalletKind.SECP256K1]),
    node=st.sampled_from([WalletKind.ED25519, WalletKind.SECP256K1]),
)
def test_a_legacy_page_of_text_gives_every_record_back(
    data: str, tags: dict[str, str], kind: WalletKind, node: WalletKind
) -> None:
    first = spawn(Variant.LEGACY)
    item = message_item(first.process, data, wallet=known_wallet(kind), tags=tags)
    reference = every_kind(Variant.LEGACY)[3]
    drafts = [
        make_draft(first, 0, Variant.LEGACY),
        make_draft(submit_item(item), 1, Variant.LEGACY),
        reference._replace(slot=2, process=first.process, timestamp_ms=5_000),
    ]
    records = seal_log(drafts, wallet=known_wallet(node))
    found = read(LegacyPageReader(), first.process, legacy_page(first.process, records))
    assert found == records
    audit = Audit(first.process)
    for slot, record in enumerate(found):
        audit.add(slot, record)


def http_log(variant: Variant) -> tuple[bytes, list[Record]]:
    """Return a log of HTTP messages, signed and not, beside what else there is."""
    first = http_spawn(variant)
    rest = [
        http_submission(first.process, b"signed"),
        message(first.process, "a data item"),
        http_submission(first.process, b"plain", is_signed=False),
        unsigned(first.process, "our own"),
        http_submission(first.process, b"\xff no text", path=b"a/b", other=b""),
    ]
    drafts = [make_draft(each, slot, variant) for slot, each in enumerate([first, *rest])]
    return first.process, seal_log(drafts, wallet=rsa_wallet())


@pytest.mark.parametrize("variant", [Variant.HYPERBEAM, Variant.NATIVE])
def test_http_messages_and_their_assignments_come_back(variant: Variant) -> None:
    process, records = http_log(variant)
    found = read(SchedulePageReader(), process, schedule_page(process, records))
    assert found == records
    assert {record.kind for record in found} == {Kind.TABM, Kind.ITEM, Kind.UNSIGNED}


@pytest.mark.parametrize("recorded", [each for each in RECORDED if each["slot"] != DATA_ITEM])
def test_a_recorded_assignment_comes_back(recorded: dict[str, Any]) -> None:
    stored = stored_of(recorded)
    page = schedule_page(PROCESS, [stored.record], stored.slot)
    assert read(SchedulePageReader(), PROCESS, page) == [stored.record]


def test_what_is_no_text_cannot_be_verified_from_a_legacy_page() -> None:
    records = seal_log(every_kind(Variant.LEGACY))
    process = every_kind(Variant.LEGACY)[0].process
    reader = LegacyPageReader()
    entries = reader.entries(legacy_page(process, records))
    for entry, record in zip(entries, records, strict=True):
        if record.kind is Kind.UNSIGNED or b"\xff" in record.message[-20:]:
            with pytest.raises(NotVerifiableError):
                reader.record(process, entry)
        else:
            assert reader.record(process, entry) == record


@pytest.mark.parametrize("variant", [Variant.HYPERBEAM, Variant.NATIVE])
def test_a_translated_assignment_cannot_be_verified(variant: Variant) -> None:
    drafts = every_kind(variant)
    process = drafts[0].process
    reader = LegacyPageReader()
    for entry in reader.entries(legacy_page(process, seal_log(drafts))):
        with pytest.raises(NotVerifiableError, match="translat"):
            reader.record(process, entry)


@pytest.mark.parametrize("reader", [SchedulePageReader(), LegacyPageReader()])
def test_aos_2_is_refused_with_the_reason(reader: PageReader) -> None:
    drafts = every_kind(Variant.HYPERBEAM)
    process = drafts[0].process
    edges = [
        aos2.encode_edge(StoredAssignment(process, slot, record))
        for slot, record in enumerate(seal_log(drafts))
    ]
    page = (
        aos2.page_open() + b",".join(edges) + aos2.page_close(process, BLOCK, has_next_page=False)
    )
    with pytest.raises(NotVerifiableError, match="neither public keys nor raw bytes"):
        reader.entries(page)


PAGES: list[tuple[PageReader, Callable[[bytes, list[Record]], bytes], Variant, bool]] = [
    (SchedulePageReader(), schedule_page, Variant.LEGACY, False),
    (SchedulePageReader(), schedule_page, Variant.HYPERBEAM, False),
    (SchedulePageReader(), schedule_page, Variant.NATIVE, False),
    (SchedulePageReader(), schedule_page, Variant.HYPERBEAM, True),
    (SchedulePageReader(), schedule_page, Variant.NATIVE, True),
    (LegacyPageReader(), legacy_page, Variant.LEGACY, False),
]


def leaves(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each value of *plain* that is no container."""
    if isinstance(plain, dict):
        return [leaf for key, value in plain.items() for leaf in leaves(value, (*path, key))]
    if isinstance(plain, list):
        return [leaf for at, value in enumerate(plain) for leaf in leaves(value, (*path, at))]
    return [path]


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, str):
        first = "B" if value[:1] == "A" else "A"
        return first + value[1:]
    return not value if isinstance(value, bool) else (value or 0) + 1


@given(data=st.data())
@pytest.mark.parametrize(("reader", "make", "variant", "is_http"), PAGES)
def test_no_value_of_an_entry_can_be_changed(
    reader: PageReader,
    make: Callable[[bytes, list[Record]], bytes],
    variant: Variant,
    is_http: bool,
    data: st.DataObject,
) -> None:
    if is_http:
        process, records = http_log(variant)
        records = records[:2]
    else:
        drafts = every_kind(variant)[:2]
        process, records = drafts[0].process, seal_log(drafts)
    page = orjson.loads(make(process, records))
    inside = "assignments" if "assignments" in page else "edges"
    # A cursor says nothing about its slot, and nothing covers the timestamps of seriatim.1.
    loose = {"cursor", "timestamp" if variant is Variant.NATIVE else "cursor"}
    ways = [way for way in leaves(page[inside]) if way[-1] not in loose]
    way = data.draw(st.sampled_from(ways))
    place = page[inside]
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = changed(place[way[-1]])
    audit = Audit(process)
    with pytest.raises(SchedulerError):
        for slot, record in enumerate(read(reader, process, orjson.dumps(page))):
            audit.add(slot, record)


@given(raw=st.binary(max_size=40) | st.from_regex(rb'\{"(edges|assignments)":[\[{].{0,30}'))
@pytest.mark.parametrize("reader", [SchedulePageReader(), LegacyPageReader()])
def test_any_bytes_are_a_page_or_a_typed_error(reader: PageReader, raw: bytes) -> None:
    try:
        reader.entries(raw)
    except SchedulerError:
        return


KEYS = (
    *("slot", "node", "assignment", "message", "owner", "key", "tags", "name", "value", "data"),
    *("body", "commitments", "signature", "timestamp", "variant", "hash-chain", "anchor", "id"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(plain=json_values, tags=json_values)
def test_any_json_is_a_page_or_a_typed_error(plain: Any, tags: Any) -> None:
    schedule_like = {"assignments": {"0": plain, "1": {"slot": 1, "body": tags}}}
    nonce = [{"name": "Nonce", "value": "0"}, {"name": "Variant", "value": "ao.TN.1"}]
    node = {"message": plain, "assignment": {"tags": nonce, "owner": tags, "anchor": plain}}
    for reader, page in (
        (SchedulePageReader(), schedule_like),
        (LegacyPageReader(), {"edges": [plain]}),
        (LegacyPageReader(), {"edges": [{"node": node}]}),
        (LegacyPageReader(), {"edges": [{"node": {"message": None, "assignment": tags}}]}),
    ):
        try:
            for entry in reader.entries(orjson.dumps(page)):
                reader.record(bytes(32), entry)
        except SchedulerError:
            continue


def test_a_page_that_nests_without_end_is_refused() -> None:
    with pytest.raises(LimitExceededError):
        SchedulePageReader().entries(b'{"assignments":' + b'{"a":' * 60 + b"1" + b"}" * 61)


def test_a_slot_is_on_a_page_once() -> None:
    records = seal_log(every_kind(Variant.LEGACY)[:1])
    process = every_kind(Variant.LEGACY)[0].process
    page = orjson.loads(legacy_page(process, records))
    with pytest.raises(MalformedError, match="twice"):
        LegacyPageReader().entries(orjson.dumps({"edges": page["edges"] * 2}))
