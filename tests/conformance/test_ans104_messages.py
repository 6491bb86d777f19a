"""HyperBEAM's recorded data items: what message each is, and which item each message is."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import (
    BadSignatureError,
    MalformedError,
    SchedulerError,
    UnsupportedError,
    UnsupportedSchemeError,
)
from seriatim.formats.httpsig.commitments import to_http
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.tabm.ans104.fields import shown
from seriatim.formats.tabm.ans104.items import (
    committed_keys,
    from_item,
    message_id,
    to_item,
    unsigned_id,
    verify,
)
from seriatim.formats.tabm.ans104.nested import unsigned
from seriatim.formats.tabm.ans104.proof import id_of
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import from_tabm, to_tabm
from tests.support.notation import is_error, rich, tabm
from tests.support.recorded_messages import NAMES, VECTORS, each_vector
from tests.support.strategies import known_wallet

FORMS = [
    pytest.param(vector, vector["ans104"][form], id=f"{name}-{form}")
    for vector, name in zip(VECTORS, NAMES, strict=True)
    for form in ("unsigned", "signed")
    if not is_error(vector["ans104"][form])
]
each_item = pytest.mark.parametrize(("vector", "recorded"), FORMS)
SENT = Path(__file__).parent / "vectors/hyperbeam/scheduler/http"
WALLET = known_wallet(WalletKind.RSA)
TARGET = bytes(range(32))
ANCHOR = bytes(range(32, 64))


def item_of(recorded: dict[str, Any]) -> DataItem:
    return DataItem.decode(b64decode(recorded["item_b64"]))


def shortly(value: object) -> str:
    return str(value)[:40]


def commitment_of(message: Tabm) -> tuple[str, dict[str, bytes | Tabm]]:
    commitments = message["commitments"]
    assert not isinstance(commitments, bytes)
    ((id_text, commitment),) = commitments.items()
    assert not isinstance(commitment, bytes)
    return id_text, dict(commitment)


def test_the_items_are_there() -> None:
    assert len(FORMS) == 2 * len(VECTORS) - 1  # one integer cannot be signed


@each_item
def test_an_item_becomes_its_recorded_message(
    vector: dict[str, Any], recorded: dict[str, Any]
) -> None:
    message = from_item(item_of(recorded))
    assert message == tabm(recorded["tabm_from_item"])
    if is_error(recorded["structured_from_item"]):
        with pytest.raises(MalformedError):
            from_tabm(message)
    else:
        assert from_tabm(message) == rich(recorded["structured_from_item"])


@each_item
def test_a_message_becomes_its_recorded_item(
    vector: dict[str, Any], recorded: dict[str, Any]
) -> None:
    item = item_of(recorded)
    message = dict(tabm(vector["tabm"]))
    if "message" in recorded:
        message["commitments"] = tabm(recorded["message"]["commitments"])
    assert to_item(message).raw == item.raw
    assert to_item(tabm(recorded["tabm_from_item"])).raw == item.raw


@each_item
def test_an_item_has_its_recorded_parts(vector: dict[str, Any], recorded: dict[str, Any]) -> None:
    item = item_of(recorded)
    tags = [[tag.name.decode(), tag.value.decode()] for tag in item.tags]
    assert tags == recorded["tags"]
    assert b64url(item.target) == recorded["target"]
    assert b64url(item.anchor) == recorded["anchor"]
    assert (b64url(item.owner), b64url(item.signature)) == (
        recorded["owner"],
        recorded["signature"],
    )
    if recorded["data_b64"] != "[nested bundle]":
        assert item.data == b64decode(recorded["data_b64"])
    assert item.signing_hash() == b64decode(recorded["signature_data_sha384_deephash_b64"])


@each_vector
def test_a_signed_item_has_its_recorded_form_as_an_http_message(vector: dict[str, Any]) -> None:
    recorded = vector["ans104"]["signed"]
    if is_error(recorded):
        return
    placed = to_http(to_tabm(rich(recorded["message"])))
    expected = recorded["httpsig_of_ans104_signed"]
    assert placed.headers == tabm(expected["headers"])
    assert placed.body == b64decode(expected.get("body_b64", ""))


@each_item
def test_ids_and_committers_are_the_recorded_ones(
    vector: dict[str, Any], recorded: dict[str, Any]
) -> None:
    message = tabm(recorded["tabm_from_item"])
    assert unsigned_id(message) == recorded["unsigned_id"]
    assert message_id(message) == (recorded["signed_id"] or recorded["unsigned_id"])
    signers = recorded.get("ids", {}).get("signers", [])
    assert list(map(encode_id, verify(message))) == signers
    said = tabm(vector["tabm"]).keys()
    assert committed_keys(message) >= (said if signers else set())


def test_an_item_in_the_body_of_a_signed_request_is_that_item() -> None:
    sent = orjson.loads((SENT / "06-post-message-ans104-nested.json").read_bytes())
    headers = {name: value.encode() for name, value in sent["request"]["headers"].items()}
    request = receive(HttpMessage(headers, b64decode(sent["request"]["body_b64"]))).tabm
    body = request["body"]
    assert not isinstance(body, bytes)
    item = to_item(body)
    assert item.raw == (SENT / "05-post-message-ans104.item.bin").read_bytes()
    assert message_id(body) == sent["scheduled-message-ids"]["all"]
    assert list(map(encode_id, verify(body))) == sent["scheduled-message-ids"]["signers"]


def signed(*tags: tuple[str, str], data: bytes = b"", target: bytes = TARGET) -> DataItem:
    pairs = [Tag(name.encode(), value.encode()) for name, value in tags]
    return sign_item(WALLET, tags=pairs, data=data, target=target, anchor=ANCHOR)


ODD_TAGS = [
    (("Type", "Message"), ("Data-Protocol", "ao")),
    (("b", "1"), ("a", "2")),
    (("a", "1"), ("a", "2")),
    (("a", '"1", "2"'),),
    (("Long", "x" * 3_000),),
    (("A", ""), ("a", "")),
    (("Owner", "x"), ("commitment-device", "y"), ("priv-key", "z"), ("commitments", "c")),
    (("Format", "x"), ("tags", "y")),
    (("Data", "x"),),
    (("Bundle-Format", "binary"), ("Bundle-Version", "2.0.0")),
]


@pytest.mark.parametrize("tags", ODD_TAGS, ids=str)
def test_a_signed_item_comes_back_whatever_its_tags_are(tags: tuple[tuple[str, str], ...]) -> None:
    item = signed(*tags)
    message = from_item(item)
    assert (message["target"], message["last_tx"]) == (TARGET, ANCHOR)
    assert to_item(message).raw == item.raw
    assert "priv-key" not in message
    assert verify(message)[WALLET.address] == committed_keys(message)


@pytest.mark.parametrize(
    ("tags", "has_original"),
    [
        ((("a", "1"), ("b", "2")), False),
        ((("A", "1"), ("b", "2")), True),
        # HyperBEAM of May 2025 has none for these, and cannot check their signatures then.
        ((("b", "1"), ("a", "2")), True),
        ((("a", "1"), ("a", "2")), True),
        ((("a", "x" * 129),), True),
    ],
)
def test_the_tags_are_said_where_keys_do_not_say_them(
    tags: tuple[tuple[str, str], ...], has_original: bool
) -> None:
    _, commitment = commitment_of(from_item(signed(*tags)))
    assert ("original-tags" in commitment) == has_original


def test_an_unsigned_item_has_its_tags_in_a_commitment_of_nobody() -> None:
    item = unsigned([Tag(b"X-Y", b"1")], b"")
    found = from_item(item)
    commitment: Tabm = {
        "alg": b"unsigned",
        "commitment-device": b"ans104@1.0",
        "original-tags": {"1": {"name": b"X-Y", "value": b"1"}},
    }
    assert commitment_of(found) == (unsigned_id(found), commitment)
    assert to_item({"x-y": b"1", "commitments": {id_of(item): commitment}}).raw == item.raw
    assert verify(found) == {}
    assert committed_keys(found) == set()
    for wrong in ("", unsigned_id({"x-y": b"1"})):
        with pytest.raises(BadSignatureError):
            to_item({"x-y": b"1", "commitments": {wrong: commitment}})


def test_several_tags_of_one_name_are_a_list() -> None:
    message = from_item(signed(("Key", "1"), ("key", 'a"b')))
    assert message["key"] == b'"1", "a\\"b"'
    _, commitment = commitment_of(message)
    assert commitment["original-tags"] == {
        "1": {"name": b"Key", "value": b"1"},
        "2": {"name": b"key", "value": b'a"b'},
    }


# Pairs of messages that have one item, hence one id, in HyperBEAM.
TWINS: list[tuple[Tabm, Tabm]] = [
    ({"data": TARGET}, {"data": encode_id(TARGET).encode()}),
    ({}, {"format": b"x"}),
    ({}, {"tags": b"x"}),
    ({}, {"owner": b"x"}),
    ({}, {"id": TARGET}),
    ({"a": b"1"}, {"a": b"1", "bundle-format": b"x"}),
    ({"a": b"1"}, {"A": b"1"}),
    ({"m": b"x" * 200}, {"m": {"ao-type": b"binary", "data": b"x" * 200}}),
    ({"m": {"a": b"1"}}, {"m": {"a": b"1", "bundle-map": b"x"}}),
    ({"x": b"1"}, {"x": b"1", "original-tags": {"1": {"name": b"x", "value": b"1"}}}),
]


@pytest.mark.parametrize("data", [b"!" * 43, b"a" * 42, {"x": b"y"}], ids=shortly)
def test_data_that_is_no_id_is_what_it_is(data: bytes | Tabm) -> None:
    found = from_item(to_item({"data": data}))["data"]
    assert shown({"data": found}) == {"data": data}


@pytest.mark.parametrize(("one", "other"), TWINS, ids=shortly)
def test_what_would_have_the_id_of_another_message_has_none(one: Tabm, other: Tabm) -> None:
    assert unsigned_id(one) == unsigned_id(from_item(to_item(one)))
    with pytest.raises(MalformedError) as caught:
        unsigned_id(other)
    assert caught.value.code == "not_placeable"


def test_a_key_that_no_item_can_carry_is_named() -> None:
    with pytest.raises(MalformedError, match="'format'"):
        to_item({"format": b"x"})


def test_data_that_looks_like_an_id_can_be_signed() -> None:
    item = signed(data=encode_id(TARGET).encode())
    assert to_item(from_item(item)).raw == item.raw


@pytest.mark.parametrize(
    "item",
    [
        signed(("target", "bob")),
        signed(("Target", encode_id(ANCHOR))),
        signed(("data", "x"), data=b"y"),
        signed(("ao-type", "binary"), data=b"y"),
        sign_item(WALLET, tags=[Tag(b"\xff", b"x")]),
    ],
    ids=["no address", "two targets", "two data", "no message", "no text"],
)
def test_an_item_that_its_message_would_not_say_is_refused(item: DataItem) -> None:
    with pytest.raises(MalformedError) as caught:
        from_item(item)
    assert caught.value.code == "not_placeable"


MESSAGE = from_item(signed(("Type", "Message"), ("a", "1"), data=b"hello"))


@pytest.mark.parametrize(
    "change",
    [
        {"a": b"2"},
        {"b": b"2"},
        {"data": b"hello!"},
        {"data": b""},
        {"target": ANCHOR},
        {"target": b"bob"},
        {"target": b"!" * 43},
        {"target": {}},
        {"last_tx": b""},
        {"m": {"x": b"1"}},
        {"owner": b"x"},
    ],
    ids=str,
)
def test_a_message_that_says_more_or_less_than_was_signed_is_refused(change: Tabm) -> None:
    assert list(verify(MESSAGE)) == [WALLET.address]
    with pytest.raises(SchedulerError):
        verify({**MESSAGE, **change})


@pytest.mark.parametrize("key", sorted(MESSAGE.keys() - {"commitments"}))
def test_a_message_that_leaves_out_what_was_signed_is_refused(key: str) -> None:
    with pytest.raises(SchedulerError):
        verify({name: value for name, value in MESSAGE.items() if name != key})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"committer": encode_id(TARGET).encode()}, BadSignatureError),
        ({"signature": bytes(511) + b"x"}, BadSignatureError),
        ({"signature": bytes(512)}, MalformedError),
        ({"signature": b"x"}, MalformedError),
        ({"signature": {}}, MalformedError),
        ({"owner": b"x"}, MalformedError),
        ({"owner": bytes(512)}, BadSignatureError),
        ({"alg": b"ed25519"}, UnsupportedSchemeError),
        ({"alg": b"unsigned"}, BadSignatureError),
        ({"commitment-device": b"httpsig@1.0"}, MalformedError),
        ({"original-tags": b"x"}, MalformedError),
        ({"original-tags": {"2": {"name": b"Type", "value": b"Message"}}}, MalformedError),
        ({"original-tags": {"1": b"Type"}}, MalformedError),
        ({"original-tags": {}}, MalformedError),
    ],
    ids=shortly,
)
def test_a_commitment_that_is_changed_is_refused(change: Tabm, error: type[SchedulerError]) -> None:
    id_text, commitment = commitment_of(MESSAGE)
    with pytest.raises(error):
        verify({**MESSAGE, "commitments": {id_text: {**commitment, **change}}})


def test_a_commitment_is_one_and_has_its_own_id() -> None:
    id_text, commitment = commitment_of(MESSAGE)
    for commitments in (
        {encode_id(TARGET): commitment},
        {id_text: commitment, encode_id(TARGET): commitment},
        {id_text: b"x"},
        b"x",
    ):
        with pytest.raises(SchedulerError):
            to_item({**MESSAGE, "commitments": commitments})


def test_items_with_other_keys_have_no_message() -> None:
    with pytest.raises(UnsupportedSchemeError):
        from_item(sign_item(known_wallet(WalletKind.ED25519), data=b"x"))


def test_a_signed_message_in_a_message_keeps_its_signature() -> None:
    around: Tabm = {"body": MESSAGE, "k": b"v"}
    found = from_item(to_item(around))
    body = found["body"]
    assert not isinstance(body, bytes)
    assert body == MESSAGE
    assert verify(body) == verify(MESSAGE)


def test_a_signed_item_survives_rich_values() -> None:
    item = signed(("Type", "Message"), ("a", "1"), data=b"hello")
    assert to_item(to_tabm(from_tabm(from_item(item)))).raw == item.raw


# Commitments as later versions write them: read, proven by our own items only.


def later(item: DataItem, **more: bytes | Tabm) -> dict[str, bytes | Tabm]:
    return {
        "commitment-device": b"ans104@1.0",
        "type": b"rsa-pss-sha256",
        "committer": encode_id(item.address).encode(),
        "keyid": f"publickey:{b64url(item.owner)}".encode(),
        "signature": b64url(item.signature).encode(),
        "bundle": b"false",
        "field-target": encode_id(item.target).encode(),
        "field-anchor": encode_id(item.anchor).encode(),
        **more,
    }


LATER_ITEM = signed(("b", "1"), ("a", "2"), data=b"hello")
LATER_FIELDS: Tabm = {
    "a": b"2",
    "b": b"1",
    "data": b"hello",
    "target": encode_id(TARGET).encode(),
    "anchor": encode_id(ANCHOR).encode(),
}


@pytest.mark.parametrize(
    "more",
    [
        {"committed": b'"data", "b", "a", "anchor", "target"'},
        {
            "committed": {
                "1": b"data",
                "2": b"b",
                "3": b"a",
                "4": b"target",
                "ao-types": b'.="list"',
            }
        },
        {
            "original-tags": {
                str(n): {"name": t.name, "value": t.value} for n, t in enumerate(LATER_ITEM.tags, 1)
            }
        },
        {"original-tags": b"1:b:MQ, 2:a:Mg"},
    ],
    ids=["list", "map", "tags", "text"],
)
def test_a_later_commitment_gives_the_item(more: dict[str, bytes | Tabm]) -> None:
    commitments: Tabm = {encode_id(LATER_ITEM.id): later(LATER_ITEM, **more)}
    message: Tabm = {**LATER_FIELDS, "commitments": commitments}
    assert to_item(message).raw == LATER_ITEM.raw
    assert list(verify(message)) == [WALLET.address]
    with pytest.raises(SchedulerError):
        verify({**message, "a": b"3"})


def test_a_later_anchor_may_be_a_tag() -> None:
    item = sign_item(WALLET, tags=[Tag(b"anchor", b"x")])
    commitment = later(item, committed=b'"anchor"')
    message: Tabm = {"anchor": b"x", "commitments": {encode_id(item.id): commitment}}
    assert to_item(message).raw == item.raw


def test_a_later_body_is_the_data_under_another_name() -> None:
    item = signed(("ao-data-key", "body"), ("a", "2"), data=b"hello")
    commitment = later(item, committed=b'"body", "a", "target"')
    message: Tabm = {
        "a": b"2",
        "body": b"hello",
        "target": encode_id(TARGET).encode(),
        "commitments": {encode_id(item.id): commitment},
    }
    assert to_item(message).raw == item.raw
    del commitment["committed"]
    commitment["original-tags"] = b"1:ao-data-key:Ym9keQ, 2:a:Mg"
    assert to_item(message).raw == item.raw


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"bundle": b"true"}, UnsupportedError),
        ({"type": b"ed25519-sha512"}, UnsupportedSchemeError),
        ({"keyid": b"constant:ao"}, MalformedError),
        ({"keyid": b"publickey:!"}, MalformedError),
        ({"keyid": b64url(WALLET.owner).encode()}, MalformedError),  # lists other keys, in between
        ({"signature": b"!"}, MalformedError),
        ({"field-target": b"bob"}, MalformedError),
        ({"field-target": encode_id(ANCHOR).encode()}, MalformedError),
        ({"field-anchor": encode_id(TARGET).encode()}, MalformedError),
        ({"committed": b"("}, MalformedError),
        ({"committed": b"1"}, MalformedError),
        ({"original-tags": b"1:ao-data-key:eA"}, MalformedError),
        ({"committed": b'"data", "no-such"'}, MalformedError),
        ({"committed": {"1": {}}}, MalformedError),
        ({"original-tags": b"2:b:MQ"}, MalformedError),
        ({"original-tags": b"1:b:MQ, 1:a:Mg"}, MalformedError),
        ({"original-tags": b"x"}, MalformedError),
    ],
    ids=shortly,
)
def test_a_later_commitment_that_cannot_hold_is_refused(
    more: dict[str, bytes | Tabm], error: type[SchedulerError]
) -> None:
    listed: dict[str, bytes | Tabm] = {"committed": b'"data", "b", "a"', **more}
    commitments: Tabm = {encode_id(LATER_ITEM.id): later(LATER_ITEM, **listed)}
    with pytest.raises(error):
        verify({**LATER_FIELDS, "commitments": commitments})


def test_a_later_unsigned_commitment_gives_the_item() -> None:
    commitment: Tabm = {
        "commitment-device": b"ans104@1.0",
        "type": b"unsigned-sha256",
        "original-tags": {"1": {"name": b"A", "value": b"1"}},
    }
    item = unsigned([Tag(b"A", b"1")], b"")
    assert to_item({"a": b"1", "commitments": {id_of(item): commitment}}).raw == item.raw
