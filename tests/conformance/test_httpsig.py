"""HyperBEAM's recorded signatures: bases, ids, committed keys, and what goes over the wire."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from seriatim.formats.errors import BadSignatureError, FormatError, MalformedError, SchedulerError
from seriatim.formats.httpsig.base import component_names, identifiers_of, signature_base
from seriatim.formats.httpsig.commitments import (
    combined_id,
    committed_keys,
    message_id,
    sign,
    to_http,
    unsigned_id,
    verify,
)
from seriatim.formats.httpsig.placement import HttpMessage, place
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.json import encode_json
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import from_tabm, to_tabm
from tests.support.notation import is_error, rich, tabm
from tests.support.recorded_messages import NAMES, VECTORS, each_vector
from tests.support.strategies import known_wallet

SIGNED = [
    pytest.param(vector, id=name)
    for vector, name in zip(VECTORS, NAMES, strict=True)
    if not is_error(vector["signed"])
]
each_signed = pytest.mark.parametrize("vector", SIGNED)


@each_vector
def test_an_unsigned_message_has_its_recorded_id(vector: dict[str, Any]) -> None:
    message = tabm(vector["tabm"])
    assert unsigned_id(message) == vector["hmac"]["hmac_id"] == vector["ids"]["unsigned"]
    assert message_id(message) == vector["ids"]["all"]
    assert verify(tabm(vector["reset_hmac"])) == {}


@each_signed
def test_what_is_signed_is_the_recorded_base(vector: dict[str, Any]) -> None:
    recorded = vector["signed"]["sign"]
    headers = place(tabm(vector["tabm"])).headers
    (entry,) = sf.parse_list(recorded["signature_input"].encode())
    assert isinstance(entry, sf.InnerList)
    base = signature_base(headers, identifiers_of(entry), entry.params)
    assert base == tabm(recorded["base"])
    assert len(identifiers_of(entry)) == len(component_names(headers))


@each_signed
def test_a_recorded_signature_holds_and_gives_the_recorded_ids(vector: dict[str, Any]) -> None:
    signed = vector["signed"]
    message = tabm(signed["tabm"])
    assert list(map(encode_id, verify(message))) == signed["ids"]["signers"]
    assert message_id(message) == signed["ids"]["all"] == signed["ids"]["signed"]
    assert combined_id(message["commitments"]) == signed["ids"]["unsigned"]
    assert committed_keys(message) == set(signed["committed"])


@each_signed
def test_a_signed_message_goes_over_the_wire_as_recorded(vector: dict[str, Any]) -> None:
    recorded = vector["signed"]["httpsig"]
    wire = to_http(tabm(vector["signed"]["tabm"]))
    assert wire.headers == tabm(recorded["headers"])
    assert wire.body == b64decode(recorded.get("body_b64", ""))
    received = receive(wire).tabm
    assert received == tabm(vector["signed"]["tabm_from_httpsig"])
    assert list(map(encode_id, verify(received))) == vector["signed"]["ids"]["signers"]


@each_signed
def test_a_signed_message_has_its_recorded_json_and_rich_values(vector: dict[str, Any]) -> None:
    signed = vector["signed"]
    message: Tabm = tabm(signed["tabm"])
    assert from_tabm(message) == rich(signed["structured"])
    assert to_tabm(rich(signed["structured"])) == message
    if is_error(signed["json"]):
        with pytest.raises(MalformedError):
            encode_json(message)
    else:
        assert encode_json(message) == signed["json"].encode()


@each_signed
def test_our_signature_holds_and_covers_the_same(vector: dict[str, Any]) -> None:
    wallet = known_wallet(WalletKind.RSA)
    assert isinstance(wallet, RsaWallet)
    message = sign(tabm(vector["tabm"]), wallet)
    assert verify(message) == {wallet.address: committed_keys(message)}
    assert committed_keys(message) == set(vector["signed"]["committed"])
    assert receive(to_http(message)).tabm["commitments"] == message["commitments"]
    twice = sign(tabm(vector["signed"]["tabm"]), wallet)
    assert set(map(encode_id, verify(twice))) == {
        encode_id(wallet.address),
        *vector["signed"]["ids"]["signers"],
    }


@each_signed
def test_any_change_to_what_was_signed_is_found(vector: dict[str, Any]) -> None:
    wire = to_http(tabm(vector["signed"]["tabm"]))
    for name in component_names(wire.headers):
        if name in ("signature", "signature-input", "content-type"):
            continue  # a content type with the same boundary says the same
        headers = {**wire.headers, name: wire.headers[name] + b"x"}
        with pytest.raises(SchedulerError):
            verify(receive(HttpMessage(headers, wire.body)).tabm)
    if wire.body:
        changed = wire.body.replace(b"e", b"f", 1).replace(b"o", b"0", 1)
        with pytest.raises((BadSignatureError, FormatError)):
            verify(receive(HttpMessage(wire.headers, changed)).tabm)


TWINS = [
    ({"body": b"Eval"}, {"inline-body-key": b"action", "action": b"Eval"}),
    ({"body": b"Eval"}, {"data": b"Eval"}),
    ({"action": b"a b"}, {"action": b"a\nb"}),
    ({"action": b"x"}, {"action": b"  x "}),
    ({"m": {"a": b"1", "b": b"2"}}, {"m": {"a": b"1\r\nb: 2"}}),
]


@pytest.mark.parametrize(("signed", "forged"), TWINS, ids=[str(pair[1]) for pair in TWINS])
def test_a_signature_holds_for_no_other_message(signed: Tabm, forged: Tabm) -> None:
    wallet = known_wallet(WalletKind.RSA)
    assert isinstance(wallet, RsaWallet)
    commitments = sign(signed, wallet)["commitments"]
    with pytest.raises(SchedulerError):
        verify({**forged, "commitments": commitments})


@pytest.mark.parametrize(
    "message",
    [
        {"x": b"1", "@x": b"2"},
        {"A" * 43: b"1", "ao-ids": b"2"},
        {"x": b"1", "body-keys": b"y"},
        {"x": b"1\n"},
        {'x="1", ' + "y" * 25: b"1"},
    ],
    ids=str,
)
def test_what_another_message_would_be_called_has_no_id(message: Tabm) -> None:
    with pytest.raises(MalformedError):
        unsigned_id(message)


def test_a_committer_comes_with_what_it_commits_to() -> None:
    wallet = known_wallet(WalletKind.RSA)
    assert isinstance(wallet, RsaWallet)
    signed = sign({"a": b"1"}, wallet)
    covered = verify({**signed, "b": b"2"})[wallet.address]
    assert "a" in covered
    assert "b" not in covered
