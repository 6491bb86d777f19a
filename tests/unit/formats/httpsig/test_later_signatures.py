"""Signatures as later versions of HyperBEAM send them: read, kept under the same id, unproven.

No recording of such a version is at hand: the signer here follows the specification (§5.4, V2).
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

import pytest

from seriatim.formats.errors import BadSignatureError, MalformedError
from seriatim.formats.httpsig.base import qualified, signature_base
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import Fields, message_id, verify
from seriatim.formats.httpsig.placement import BODY_KEYS, CONTENT_TYPE, HttpMessage, place
from seriatim.formats.httpsig.received import receive
from seriatim.formats.ids import b64url
from seriatim.formats.schedule.submission import submit_tabm
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from tests.support.hyperbeam import client_wallet

KEY = b"constant:ao"
FLAT: Fields = {"action": b"Ping", "path": b"a/b", "target": b"A" * 43}
TYPED: Fields = {"ao-types": b"count=integer, flag=atom", "count": b"7", "flag": b"true"}
WITH_DATA: Fields = {"action": b"Ping", "ao-body-key": b"data", "data": b"text"}
NESTED: Fields = {"action": b"Ping", "inner": {"a": b"1", "link+link": b"B" * 43}}


def later(message: Fields) -> HttpMessage:
    """Return *message* as a later version sends it, with its keyed hash beside the signature."""
    placed = place(message)
    headers = {name: value for name, value in placed.headers.items() if name != BODY_KEYS}
    components = [qualified(name) for name in sorted(headers) if name != CONTENT_TYPE]
    signatures: dict[str, sf.Item | sf.InnerList] = {}
    inputs: dict[str, sf.Item | sf.InnerList] = {}
    keyid = b"publickey:" + b64encode(client_wallet().owner)
    for alg, key in ((b"rsa-pss-sha512", keyid), (b"hmac-sha256", KEY)):
        params: dict[str, sf.Bare] = {"alg": alg, "keyid": key}
        base = signature_base(headers, components, params)
        if alg == b"hmac-sha256":
            value = hmac.digest(KEY, base, "sha256")
        else:
            value = client_wallet().sign_http(base)
        name = f"comm-{b64url(sha256(value).digest()).lower()}"
        signatures[name] = sf.Item(sf.Binary(value))
        inputs[name] = sf.InnerList(tuple(sf.Item(each.encode()) for each in components), params)
    headers["signature"] = sf.write_dictionary(signatures)
    headers["signature-input"] = sf.write_dictionary(inputs)
    return HttpMessage(headers, placed.body)


@pytest.mark.parametrize("message", [FLAT, TYPED, WITH_DATA, NESTED])
def test_such_a_message_is_read_and_keeps_its_id(message: Fields) -> None:
    sent = later(message)
    kept = canonical(receive(sent).tabm)
    assert list(verify(kept)) == [client_wallet().address]
    assert {key: each for key, each in kept.items() if key != COMMITMENTS_KEY} == message
    assert canonical(kept) == kept
    values = [
        item.value
        for item in sf.parse_dictionary(sent.headers["signature"]).values()
        if isinstance(item, sf.Item) and isinstance(item.value, sf.Binary)
    ]
    (signature,) = (value for value in values if len(value) > len(sha256().digest()))
    assert message_id(kept) == b64url(sha256(signature).digest())
    assert submit_tabm(kept, process=b"p" * 32 if "target" not in message else None).is_signed


@pytest.mark.parametrize("message", [FLAT, TYPED, WITH_DATA, NESTED])
def test_nothing_of_it_can_be_changed(message: Fields) -> None:
    received = receive(later(message)).tabm
    for key, value in message.items():
        changed = value + b"x" if isinstance(value, bytes) else {**value, "more": b"x"}
        with pytest.raises((BadSignatureError, MalformedError)):
            verify(canonical({**received, key: changed}))


def test_a_keyed_hash_alone_signs_nothing() -> None:
    sent = later(FLAT)
    for name in ("signature", "signature-input"):
        members = sf.parse_dictionary(sent.headers[name])
        sent.headers[name] = sf.write_dictionary(dict(list(members.items())[1:]))
    kept = canonical(receive(sent).tabm)
    assert COMMITMENTS_KEY not in kept


def test_a_key_that_is_no_base64_is_refused() -> None:
    sent = later(FLAT)
    sent.headers["signature-input"] = sent.headers["signature-input"].replace(
        b"publickey:", b"publickey:!"
    )
    with pytest.raises(MalformedError, match="base64"):
        receive(sent)
