"""CBOR from strangers: one canonical form, and nothing that costs more than it weighs."""

from __future__ import annotations

from hashlib import sha256

import cbor2
import pytest

from seriatim.formats.codecs.cbor import CborCodec, unsigned_id
from seriatim.formats.errors import FormatError, LimitExceededError, MalformedError
from seriatim.formats.limits import JSON_DEPTH_MAX
from seriatim.formats.message import Message

CODEC = CborCodec()


def shared_lists(depth: int) -> bytes:
    """Return nested lists of two, each naming its inner list twice: 2 to the power of *depth*."""
    body = b"\xd8\x1c\x82\x00\x00"
    for level in range(depth - 1):
        body = b"\xd8\x1c\x82" + body + b"\xd8\x1d" + cbor2.dumps(depth - 1 - level)
    return b"\xa1\x61a" + body


REFUSED = {
    "nothing": (b"", "bad_cbor"),
    "cut short": (b"\xa1\x61a", "bad_cbor"),
    "no map": (b"\x80", "bad_cbor"),
    "surplus bytes": (b"\xa1\x61a\x01\x00", "non_canonical_cbor"),
    "a duplicate key": (b"\xa2\x61a\x01\x61a\x02", "bad_cbor"),
    "unsorted keys": (b"\xa2\x61b\x01\x61a\x02", "non_canonical_cbor"),
    "a long integer": (b"\xa1\x61a\x18\x01", "non_canonical_cbor"),
    "a long float": (b"\xa1\x61a\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", "non_canonical_cbor"),
    "an indefinite map": (b"\xbf\x61a\x01\xff", "bad_cbor"),
    "an indefinite list": (b"\xa1\x61a\x9f\x01\xff", "bad_cbor"),
    "an indefinite text": (b"\xa1\x61a\x7f\x61b\xff", "bad_cbor"),
    "a key that is no text": (b"\xa1\x01\x01", "bad_cbor"),
    "a key that is a map": (b"\xa1\xa1\x61a\x01\x01", "bad_cbor"),
    "a key of bytes": (b"\xa1\x41a\x01", "bad_key"),
    "text that is not UTF-8": (b"\xa1\x61a\x61\xff", "bad_cbor"),
    "null": (b"\xa1\x61a\xf6", "bad_value"),
    "undefined": (b"\xa1\x61a\xf7", "bad_value"),
    "a simple value": (b"\xa1\x61a\xf8\x20", "bad_value"),
    "not a number": (b"\xa1\x61a\xf9\x7e\x00", "bad_value"),
    "infinity": (b"\xa1\x61a\xf9\x7c\x00", "bad_value"),
    "bytes in a list": (b"\xa1\x61a\x81\x41b", "bad_value"),
    "a key of JSON's": (b"\xa1" + cbor2.dumps("a+base64url") + b"\x01", "bad_key"),
    "a date": (b"\xa1\x61a\xc1\x00", "bad_cbor"),
    "a large number": (b"\xa1\x61a\xc2\x49\x01" + bytes(8), "bad_cbor"),
    "a fraction": (b"\xa1\x61a\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\x01", "bad_cbor"),
    "a large float": (b"\xa1\x61a\xc5\x82\x1b\x7f" + b"\xff" * 7 + b"\x01", "bad_cbor"),
    "an expression": (b"\xa1\x61a\xd8\x23\x65(a+)+", "bad_cbor"),
    "a set": (b"\xa1\x61a\xd9\x01\x02\x81\x01", "bad_cbor"),
    "a tag in front": (b"\xd9\xd9\xf7\xa1\x61a\x01", "bad_cbor"),
    "a list that contains itself": (b"\xa1\x61a\xd8\x1c\x81\xd8\x1d\x00", "bad_cbor"),
    "a list shared often": (shared_lists(64), "bad_cbor"),
    "a list longer than memory": (b"\xa1\x61a\x9b\x00\x00\x00" + b"\xff" * 5, "bad_cbor"),
    "bytes longer than memory": (b"\xa1\x61a\x5b\x00\x00\x00" + b"\xff" * 5, "bad_cbor"),
    "very deep": (b"\xa1\x61a" + b"\x81" * 100_000 + b"\x00", "bad_cbor"),
    "commitments that are no map": (b"\xa1\x6bcommitments\x80", "bad_commitments"),
    "empty commitments": (b"\xa1\x6bcommitments\xa0", "non_canonical_cbor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_canonical_is_refused_with_a_reason(name: str) -> None:
    raw, code = REFUSED[name]
    with pytest.raises(MalformedError) as caught:
        CODEC.decode(raw)
    assert caught.value.code == code


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63), -(2**64)])
def test_an_integer_that_json_readers_would_lose_is_refused(number: int) -> None:
    with pytest.raises(LimitExceededError):
        CODEC.decode(cbor2.dumps({"a": number}))
    with pytest.raises(LimitExceededError):
        CODEC.encode(Message({"a": number}))


def test_nesting_is_bounded_exactly() -> None:
    def nested(depth: int) -> bytes:
        return b"\xa1\x61a" * (depth - 1) + b"\xa0"

    assert CODEC.encode(CODEC.decode(nested(JSON_DEPTH_MAX))) == nested(JSON_DEPTH_MAX)
    with pytest.raises(FormatError):
        CODEC.decode(nested(JSON_DEPTH_MAX + 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"a": None},
        {"a": {1, 2}},
        {"a": {1: "x"}},
        {"a": Message({})},
        {"a": "\ud800"},
        {"\ud800": "a"},
        {"commitments": "a"},
        {"a": float("nan")},
        {"a": [b"x"]},
        {1: "a"},
    ],
    ids=str,
)
def test_a_message_without_a_form_is_refused_before_it_is_stored(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        CODEC.encode(Message(fields))  # type: ignore[arg-type]  # what is refused


def test_an_id_is_that_of_the_bytes_and_of_nothing_else() -> None:
    raw = CODEC.encode(Message({"data": "x"}))
    assert raw == b"\xa1\x64data\x61x"
    assert unsigned_id(raw).hex() == (sha256(b"seriatim unsigned message 1\0" + raw).hexdigest())
    assert unsigned_id(raw) != unsigned_id(CODEC.encode(Message({"data": "y"})))
