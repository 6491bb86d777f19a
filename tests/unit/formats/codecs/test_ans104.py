"""Items as messages: nothing is lost, whatever the tags are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.codec import Ans104Codec, from_message, to_message
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.codecs import CodecRegistry
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.codecs.json import JsonCodec
from seriatim.formats.errors import (
    BadSignatureError,
    FormatError,
    MalformedError,
    SchedulerError,
    UnsupportedError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Commitment, Message
from tests.support.builders import CLIENT
from tests.support.records import make_id
from tests.support.strategies import known_wallet

VECTORS = Path(__file__).parents[3] / "conformance" / "vectors"
CODEC = Ans104Codec()


def sound_items() -> list[str]:
    """Return the recorded items that can be read; whether they are signed well is not asked."""
    names = []
    for path in sorted([*VECTORS.glob("items/*.bin"), *VECTORS.glob("su-schedule/*.bin")]):
        try:
            DataItem.decode(path.read_bytes())
        except SchedulerError:
            continue
        names.append(f"{path.parent.name}/{path.name}")
    return names


SOUND = sound_items()


def item_of(tags: list[tuple[bytes, bytes]], data: bytes = b"", target: bytes = b"") -> DataItem:
    return sign_item(
        known_wallet(CLIENT),
        target=target,
        anchor=b"",
        tags=[Tag(name, value) for name, value in tags],
        data=data,
    )


def test_most_of_the_recorded_items_are_sound() -> None:
    assert len(SOUND) > 60


@pytest.mark.parametrize("name", SOUND)
def test_a_recorded_item_comes_back_byte_for_byte(name: str) -> None:
    raw = (VECTORS / name).read_bytes()
    message = CODEC.decode(raw)
    assert CODEC.encode(message) == raw
    for codec in (JsonCodec(), CborCodec()):
        assert CODEC.encode(codec.decode(codec.encode(message))) == raw


@pytest.mark.parametrize(
    "tags",
    [
        [(b"data", b"not the data")],
        [(b"Target", b"not the target")],
        [(b"commitments", b"none")],
        [(b"Image+base64url", b"text")],
        [(b"a", b"\xff"), (b"a+base64url", b"text")],
        [(b"A", b"first"), (b"a", b"second")],
        [(b"\xff", b"x"), (b"\xfe", b"y")],
        [(b"", b"empty name")],
        [(b"empty value", b"")],
        [(b"x+link", b"y+link")],
    ],
    ids=str,
)
@pytest.mark.parametrize("data", [b"", b"data", b"\xff\xfe"])
@pytest.mark.parametrize("target", [b"", make_id("target")])
def test_no_name_of_a_tag_gets_in_the_way(
    tags: list[tuple[bytes, bytes]], data: bytes, target: bytes
) -> None:
    item = item_of(tags, data, target)
    message = to_message(item)
    assert from_message(message).raw == item.raw
    for codec in (JsonCodec(), CborCodec()):
        assert from_message(codec.decode(codec.encode(message))).raw == item.raw


def test_a_message_has_the_tags_in_lower_case_the_first_of_each_name() -> None:
    item = item_of([(b"Type", b"one"), (b"type", b"two"), (b"B", b"\xff")], b"text", make_id("t"))
    message = to_message(item)
    assert message.fields == {
        "type": "one",
        "b": b"\xff",
        "data": "text",
        "target": encode_id(make_id("t")),
    }
    (commitment,) = message.commitments.values()
    assert commitment.kind == "ed25519"
    assert commitment.committer == item.address
    assert list(message.commitments) == [encode_id(item.id)]


def altered(message: Message, **changes: Any) -> Message:
    """Return *message* with another commitment."""
    ((name, commitment),) = message.commitments.items()
    return Message(message.fields, {name: replace(commitment, **changes)})


def with_details(message: Message, details: Mapping[str, Any]) -> Message:
    (commitment,) = message.commitments.values()
    return altered(message, details={**commitment.details, **details})


GENUINE = to_message(item_of([(b"Type", b"Message")], b"data", make_id("target")))
OTHER: Commitment = next(iter(to_message(item_of([], b"x")).commitments.values()))
FORGED = {
    "no commitment": Message(GENUINE.fields),
    "two commitments": Message(GENUINE.fields, {**GENUINE.commitments, "x": OTHER}),
    "another id": Message(GENUINE.fields, {"x": next(iter(GENUINE.commitments.values()))}),
    "another device": altered(GENUINE, device="httpsig@1.0"),
    "an unknown type": altered(GENUINE, kind="rot13"),
    "another committer": altered(GENUINE, committer=make_id("somebody")),
    "a field more": Message({**GENUINE.fields, "extra": "x"}, GENUINE.commitments),
    "another field": Message({**GENUINE.fields, "type": "Process"}, GENUINE.commitments),
    "data that is a number": Message({**GENUINE.fields, "data": 1}, GENUINE.commitments),
    "tags that are no map": with_details(GENUINE, {"original-tags": "x"}),
    "tags without a number": with_details(GENUINE, {"original-tags": {"x": {}}}),
    "a tag that is no map": with_details(GENUINE, {"original-tags": {"1": "x"}}),
    "too many tags": with_details(
        GENUINE, {"original-tags": {str(n): {"name": "a"} for n in range(1, 200)}}
    ),
    "a target that is no text": with_details(GENUINE, {"field-target": 1}),
    "a target that is no base64url": with_details(GENUINE, {"field-target": "=="}),
    "a short key": altered(GENUINE, key=b"short"),
    "a short signature": altered(GENUINE, signature=b"short"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_message_that_was_no_item_is_refused(name: str) -> None:
    with pytest.raises(FormatError):
        CODEC.encode(FORGED[name])


def test_other_data_makes_an_item_whose_signature_does_not_hold() -> None:
    forged = Message({**GENUINE.fields, "data": "other"}, GENUINE.commitments)
    with pytest.raises(BadSignatureError):
        from_message(forged).verify()


def test_a_codec_is_found_by_device_or_content_type() -> None:
    registry = CodecRegistry([CODEC, JsonCodec(), CborCodec()])
    assert registry.get("ans104@1.0") is CODEC
    assert registry.get("Application/JSON; charset=utf-8").device == "json@1.0"
    assert registry.get(" application/cbor ").device == "cbor@1.0"
    with pytest.raises(UnsupportedError, match=r"json@1\.0"):
        registry.get("text/html")


def test_bytes_that_are_no_item_are_no_message() -> None:
    with pytest.raises(MalformedError):
        CODEC.decode(b"")
