"""JSON from strangers, and the commitments that it carries."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from seriatim.formats.codecs.json import JsonCodec, parse_json
from seriatim.formats.errors import FormatError, LimitExceededError, MalformedError
from seriatim.formats.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX
from seriatim.formats.message import Commitment, Message

CODEC = JsonCodec()
COMMITMENT = Commitment(
    "ans104@1.0", "ed25519", bytes(32), b"key", b"signature", {"field-anchor": "x"}
)

REFUSED = {
    "nothing": (b"", "bad_json"),
    "no JSON": (b"{", "bad_json"),
    "a list": (b"[]", "bad_json"),
    "text": (b'"x"', "bad_json"),
    "surplus": (b"{}{}", "bad_json"),
    "null": (b'{"a":null}', "bad_json"),
    "null in a list": (b'{"a":[null]}', "bad_json"),
    "half a surrogate": (b'{"a":"\\ud800"}', "bad_json"),
    "bytes that are not UTF-8": (b'{"a":"\xff"}', "bad_json"),
    "not a number": (b'{"a":NaN}', "bad_json"),
    "bytes that are no text": (b'{"a+base64url":1}', "bad_json"),
    "bytes that are no base64url": (b'{"a+base64url":"="}', "bad_base64url"),
    "bytes and a value of one name": (b'{"a":1,"a+base64url":"eA"}', "bad_json"),
    "bytes of bytes": (b'{"a+base64url+base64url":"eA"}', "bad_key"),
    "commitments that are no map": (b'{"commitments":[]}', "bad_commitments"),
    "a commitment that is no map": (b'{"commitments":{"x":1}}', "bad_commitments"),
    "an empty commitment": (b'{"commitments":{"x":{}}}', "bad_commitments"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_message_is_refused_with_a_reason(name: str) -> None:
    raw, code = REFUSED[name]
    with pytest.raises(MalformedError) as caught:
        CODEC.decode(raw)
    assert caught.value.code == code


@pytest.mark.parametrize("number", [2**63, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 10**300])
@pytest.mark.parametrize("form", ['{"a":%d}', '{"a":{"b":[1.5,%d]}}'])
def test_an_integer_beyond_64_bits_is_refused_and_not_rounded(form: str, number: int) -> None:
    with pytest.raises(LimitExceededError):
        CODEC.decode((form % number).encode())


def test_a_large_float_is_one() -> None:
    assert CODEC.decode(b'{"a":1e30,"b":[9.3e18]}').fields == {"a": 1e30, "b": (9.3e18,)}


@pytest.mark.parametrize(
    "bomb", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500]
)
def test_a_bomb_is_refused(bomb: bytes) -> None:
    with pytest.raises(FormatError):
        CODEC.decode(b'{"a":' + bomb + b"}")


def test_nesting_is_bounded_exactly() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    assert CODEC.encode(CODEC.decode(nested(JSON_DEPTH_MAX))) == nested(JSON_DEPTH_MAX)
    with pytest.raises(LimitExceededError):
        CODEC.decode(nested(JSON_DEPTH_MAX + 1))


@pytest.mark.parametrize("sign", [1, -1])
def test_integers_are_bounded_exactly(sign: int) -> None:
    assert parse_json(b"%d" % (sign * JSON_INTEGER_MAX)) == sign * JSON_INTEGER_MAX
    with pytest.raises(LimitExceededError):
        parse_json(b"%d" % (sign * (JSON_INTEGER_MAX + 1)))
    with pytest.raises(LimitExceededError):
        CODEC.encode(Message({"a": sign * (JSON_INTEGER_MAX + 1)}))


@pytest.mark.parametrize(
    "fields",
    [{"commitments": "x"}, {"a": "\ud800"}, {"a": None}, {"a": [b"x"]}, {"a+base64url": "x"}],
    ids=str,
)
def test_a_message_without_a_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        CODEC.encode(Message(fields))


def test_keys_are_sorted_and_bytes_have_a_key_of_their_own() -> None:
    message = Message({"b": b"\xff", "a": {"z": b"\x00", "y": (1, "x", True, 1.5)}})
    assert CODEC.encode(message) == (
        b'{"a":{"y":[1,"x",true,1.5],"z+base64url":"AA"},"b+base64url":"_w"}'
    )


def test_a_commitment_stands_under_its_id() -> None:
    message = Message({"a": "x"}, {"id": COMMITMENT})
    plain = orjson.loads(CODEC.encode(message))
    assert plain["commitments"]["id"] == {
        "commitment-device": "ans104@1.0",
        "committer": "A" * 43,
        "field-anchor": "x",
        "keyid": "publickey:a2V5",
        "signature": "c2lnbmF0dXJl",
        "type": "ed25519",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("commitment-device", 1),
        ("type", 1),
        ("committer", 1),
        ("keyid", 1),
        ("keyid", "a2V5"),
        ("signature", 1),
        ("signature", "="),
        ("committer", "="),
        ("keyid", "publickey:="),
    ],
)
def test_a_commitment_of_another_shape_is_refused(key: str, value: object) -> None:
    plain = orjson.loads(CODEC.encode(Message({}, {"id": COMMITMENT})))
    plain["commitments"]["id"][key] = value
    with pytest.raises(MalformedError) as caught:
        CODEC.decode(orjson.dumps(plain))
    assert caught.value.code in {"bad_commitments", "bad_base64url"}
