"""Laws of the codecs: there and back, one encoding per message, nothing that only one can say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.ans104.codec import Ans104Codec, from_message, to_message
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec, unsigned_id
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import FormatError
from seriatim.formats.limits import JSON_INTEGER_MAX
from seriatim.formats.message import Commitment, Message, Value
from tests.support.strategies import items

CBOR, JSON = CborCodec(), JsonCodec()

texts = st.text(st.characters(codec="utf-8"), max_size=12)
keys = texts.filter(lambda key: key != "commitments" and not key.endswith("+base64url"))
scalars = (
    texts
    | st.booleans()
    | st.integers(-JSON_INTEGER_MAX, JSON_INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
)
raws = st.binary(max_size=12)


def containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists of what JSON lists can carry, and maps, which can carry bytes as well."""
    maps = st.dictionaries(keys, values | raws, max_size=4)
    return st.lists(values, max_size=4).map(tuple) | maps


values: st.SearchStrategy[Value] = st.recursive(scalars, containers, max_leaves=12) | raws
fields = st.dictionaries(keys, values, max_size=6)
ids = st.binary(min_size=32, max_size=32)
details = st.dictionaries(
    keys.filter(
        lambda key: key not in {"commitment-device", "type", "committer", "keyid", "signature"}
    ),
    values,
    max_size=3,
)
commitments = st.dictionaries(
    keys,
    st.builds(
        Commitment, texts, texts, ids, st.binary(max_size=70), st.binary(max_size=70), details
    ),
    max_size=2,
)
messages = st.builds(Message, fields, commitments)


def reversed_maps(value: Any) -> Any:
    """Return *value* with the keys of every map in another order."""
    if isinstance(value, Mapping):
        return {key: reversed_maps(value[key]) for key in reversed(list(value))}
    if isinstance(value, tuple):
        return tuple(reversed_maps(child) for child in value)
    return value


@given(message=messages)
def test_a_message_comes_back_from_cbor_as_it_was(message: Message) -> None:
    raw = CBOR.encode(message)
    assert CBOR.decode(raw) == message
    assert CBOR.encode(CBOR.decode(raw)) == raw


@given(message=messages)
def test_a_message_comes_back_from_json_as_it_was(message: Message) -> None:
    raw = JSON.encode(message)
    assert JSON.decode(raw) == message
    assert JSON.encode(JSON.decode(raw)) == raw


@given(message=messages)
def test_the_order_of_keys_does_not_change_the_bytes(message: Message) -> None:
    other = Message(reversed_maps(message.fields), reversed_maps(message.commitments))
    assert CBOR.encode(other) == CBOR.encode(message)
    assert JSON.encode(other) == JSON.encode(message)
    assert unsigned_id(CBOR.encode(other)) == unsigned_id(CBOR.encode(message))


@given(raw=st.binary(max_size=60))
def test_cbor_takes_its_own_encoding_and_refuses_all_else(raw: bytes) -> None:
    try:
        message = CBOR.decode(raw)
    except FormatError:
        return
    assert CBOR.encode(message) == raw


@given(message=messages, at=st.integers(0, 2_000), data=st.data())
def test_a_bit_more_or_less_is_another_message_or_none(
    message: Message, at: int, data: st.DataObject
) -> None:
    raw = bytearray(CBOR.encode(message))
    raw[at % len(raw)] ^= 1 << data.draw(st.integers(0, 7))
    try:
        changed = CBOR.decode(bytes(raw))
    except FormatError:
        return
    assert CBOR.encode(changed) == bytes(raw), "one message has one encoding"


wild_scalars = (
    st.text(st.characters(), max_size=6)
    | st.none()
    | st.integers()
    | st.floats()
    | st.binary(max_size=6)
    | st.just(Message({"a": "nested"}))
    | st.sets(st.integers(), max_size=2)
)
wild = st.recursive(
    wild_scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            texts | st.just("commitments") | st.just("x+base64url"), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(plain=st.dictionaries(texts | st.just("commitments") | st.integers(), wild, max_size=4))
def test_what_cbor_takes_json_can_carry(plain: dict[Any, Any]) -> None:
    """An unsigned message is stored as CBOR and read as JSON: a page must never fail on it."""
    try:
        raw = CBOR.encode(Message(plain))
    except FormatError:
        return
    message = CBOR.decode(raw)
    assert JSON.decode(JSON.encode(message)) == message


@given(plain=st.dictionaries(texts, wild, max_size=4))
def test_what_json_takes_cbor_can_store(plain: dict[Any, Any]) -> None:
    try:
        message = JSON.decode(JSON.encode(Message(plain)))
    except FormatError:
        return
    assert CBOR.decode(CBOR.encode(message)) == message
    assert all(
        math.isfinite(value) for value in message.fields.values() if isinstance(value, float)
    )


@given(item=items())
def test_an_item_comes_back_from_a_message_byte_for_byte(item: DataItem) -> None:
    message = to_message(item)
    assert from_message(message).raw == item.raw
    assert Ans104Codec().encode(Ans104Codec().decode(item.raw)) == item.raw


@given(item=items())
def test_an_item_comes_back_through_json_and_cbor_byte_for_byte(item: DataItem) -> None:
    message = to_message(item)
    assert from_message(JSON.decode(JSON.encode(message))).raw == item.raw
    assert from_message(CBOR.decode(CBOR.encode(message))).raw == item.raw
