"""Laws of data items as messages: each way undoes the other, and one item is one message."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, unsigned_item
from seriatim.formats.errors import LimitExceededError, SchedulerError
from seriatim.formats.signing.scheme import SignatureType
from seriatim.formats.tabm.ans104.fields import shown
from seriatim.formats.tabm.ans104.items import from_item, message_id, to_item, unsigned_id, verify
from seriatim.formats.tabm.json import decode_json, encode_json
from seriatim.formats.tabm.model import Tabm, public
from seriatim.formats.tabm.structured import Rich, from_tabm, to_tabm
from tests.support.recorded_messages import NAMES, VECTORS
from tests.support.rich_values import messages, typed

RECORDED = {
    name: b64decode(vector["ans104"]["unsigned"]["item_b64"])
    for name, vector in zip(NAMES, VECTORS, strict=True)
    if name.startswith(("20", "21", "23", "28", "38"))
}


@given(messages)
def test_rich_values_come_back_from_an_item(fields: dict[str, Rich]) -> None:
    tabm = to_tabm(fields)
    try:
        item = to_item(tabm)
    except LimitExceededError:
        return  # more than tags can hold, or nested deeper than items are
    found = from_item(item)
    assert typed(from_tabm(found)) == typed(fields)
    assert to_item(found) == item
    assert message_id(found) == unsigned_id(tabm)


@given(messages)
def test_an_id_is_the_same_through_json(fields: dict[str, Rich]) -> None:
    tabm = to_tabm(fields)
    try:
        again = decode_json(encode_json(tabm))
        id_text = unsigned_id(tabm)
    except SchedulerError:
        return
    assert unsigned_id(again) == id_text


names = st.sampled_from(
    [
        "a",
        "A",
        "b",
        "data",
        "Data",
        "target",
        "last_tx",
        "anchor",
        "id",
        "owner",
        "Owner",
        "signature",
        "format",
        "tags",
        "commitments",
        "original-tags",
        "commitment-device",
        "ao-type",
        "ao-types",
        "ao-data-key",
        "bundle-format",
        "bundle-version",
        "bundle-map",
        "priv-x",
        "quantity",
        "K" * 43,
        "",
    ]
)
values = st.sampled_from(
    [
        b"",
        b"1",
        b"2",
        b"binary",
        b"2.0.0",
        b"A" * 43,
        b"x" * 32,
        bytes(32),
        bytes(512),
        b"x" * 129,
        b"\xff",
        b'a="empty-binary"',
        b"a",
    ]
)
wild_messages: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(names, values, max_size=5),
    lambda inner: st.dictionaries(names, values | inner, max_size=5),
    max_leaves=6,
)


@given(wild_messages)
def test_any_message_is_its_items_alone_or_is_refused(tabm: Tabm) -> None:
    try:
        item = to_item(tabm)
    except SchedulerError:
        return
    found = from_item(item)
    assert to_item(found) == item
    assert shown(found) == shown(public(tabm))


proofs = st.dictionaries(
    st.sampled_from(
        [
            "alg",
            "bundle",
            "commitment-device",
            "committed",
            "committer",
            "field-anchor",
            "field-target",
            "keyid",
            "original-tags",
            "owner",
            "signature",
            "type",
        ]
    ),
    st.sampled_from(
        [
            b"ans104@1.0",
            b"rsa-pss",
            b"rsa-pss-sha256",
            b"unsigned",
            b"unsigned-sha256",
            b"publickey:" + b"A" * 683,
            b"A" * 683,
            b"s" * 512,
            b'"a", "b"',
            b"1:a:MQ",
            {"1": {"name": b"a", "value": b"1"}},
            {"1": b"a", "ao-types": b'.="list"'},
        ]
    )
    | values,
).map(lambda proof: {"commitment-device": b"ans104@1.0", **proof})


@given(wild_messages, st.dictionaries(names, proofs, max_size=2))
def test_any_commitment_is_read_or_refused(tabm: Tabm, commitments: Tabm) -> None:
    try:
        verify({**tabm, "commitments": commitments})
    except SchedulerError:
        return
    assert not commitments  # nobody has signed this


tags = st.lists(st.builds(Tag, names.map(str.encode) | st.binary(max_size=3), values), max_size=6)


@st.composite
def wild_items(draw: st.DrawFn) -> DataItem:
    address = st.sampled_from([b"", b"x" * 32])
    return unsigned_item(
        signature_type=SignatureType.ARWEAVE,
        owner=draw(st.sampled_from([bytes(512), b"o" * 512])),
        target=draw(address),
        anchor=draw(address),
        tags=draw(tags),
        data=draw(values | st.sampled_from(sorted(RECORDED.values())).map(lambda raw: raw[1_044:])),
    ).signed(draw(st.sampled_from([bytes(512), b"s" * 512])))


@given(wild_items())
def test_any_item_is_its_messages_alone_or_is_refused(item: DataItem) -> None:
    try:
        tabm = from_item(item)
    except SchedulerError:
        return
    assert to_item(tabm) == item
    try:
        again = to_item(to_tabm(from_tabm(tabm)))
    except SchedulerError:
        return  # types of values are values themselves there
    assert again == item


@given(st.sampled_from(sorted(RECORDED)), st.integers(0, 10_000), st.binary(max_size=3))
@example("20-nested-3", 0, b"")
def test_any_change_to_a_bundle_is_found_or_is_another_message(
    name: str, at: int, change: bytes
) -> None:
    raw = RECORDED[name]
    at %= len(raw)
    try:
        item = DataItem.decode(raw[:at] + change + raw[at + len(change) :])
        tabm = from_item(item)
    except SchedulerError:
        return
    assert to_item(tabm) == item
    if item.raw != raw:
        assert tabm != from_item(DataItem.decode(raw))
