"""HyperBEAM's recorded assignments: what they say, what was signed, their chain, and aos-2."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.ids import b64url_decode, decode_id, encode_id
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.chain import GENESIS, chain_over_messages
from seriatim.formats.schedule.http_assignment import (
    assignment_id_text,
    block_of,
    http_assignment_fields,
    path_text,
    sign_http_assignment,
    with_body,
    without_body,
)
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from seriatim.formats.wire import aos2
from tests.support.hyperbeam import (
    DATA_ITEM,
    RECORDED,
    body_of,
    draft_of,
    original,
    rsa_wallet,
    stored_of,
)

HTTP_SIGNED = [each for each in RECORDED if each["slot"] != DATA_ITEM]
each_assignment = pytest.mark.parametrize("recorded", HTTP_SIGNED, ids=lambda each: each["slot"])


@each_assignment
def test_a_recorded_assignment_says_what_ours_would(recorded: dict[str, Any]) -> None:
    draft = draft_of(recorded)
    chain = b64url_decode(recorded["hash-chain"])
    stored = without_body(original(recorded))
    assert http_assignment_fields(draft, chain, body_of(recorded)) == {
        key: value for key, value in stored.items() if key != COMMITMENTS_KEY
    }


@each_assignment
def test_a_recorded_assignment_and_its_message_are_in_the_form_that_is_kept(
    recorded: dict[str, Any],
) -> None:
    assert canonical(original(recorded)) == original(recorded)
    assert canonical(body_of(recorded)) == body_of(recorded)
    assert decode_cbor(encode_cbor(original(recorded))) == original(recorded)
    assert list(verify(original(recorded))) == [rsa_wallet().address]
    assert assignment_id_text(original(recorded)) == recorded["original"]["ids"]["all"]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each["slot"])
def test_the_chain_is_the_recorded_one_but_after_a_restart(recorded: dict[str, Any]) -> None:
    before = recorded["hash-chain-prev"]
    chain = chain_over_messages(
        b64url_decode(before) if before else GENESIS, decode_id(recorded["body-id-all"])
    )
    is_after_restart = recorded["hash-chain"] != recorded["hash-chain-in-memory-rule"]
    assert is_after_restart == (recorded["slot"] == 8)
    assert encode_id(chain) == recorded["hash-chain-in-memory-rule"]


@each_assignment
def test_signing_again_differs_in_the_signature_alone(recorded: dict[str, Any]) -> None:
    ours = sign_http_assignment(
        draft_of(recorded), b64url_decode(recorded["hash-chain"]), body_of(recorded), rsa_wallet()
    )
    verify(ours)
    theirs = original(recorded)
    assert {**ours, COMMITMENTS_KEY: {}} == {**theirs, COMMITMENTS_KEY: {}}
    assert with_body(without_body(ours), body_of(recorded)) == ours


@each_assignment
def test_aos2_is_the_recorded_one(recorded: dict[str, Any]) -> None:
    edge = orjson.loads(aos2.encode_edge(stored_of(recorded)))
    assert edge["node"]["message"] == recorded["original"]["aos2-message"]
    assert edge["node"]["assignment"] == recorded["original"]["aos2-assignment"]


def test_a_block_of_48_bytes_is_carried() -> None:
    stored = without_body(original(RECORDED[0]))
    block = Block(7, bytes(48), 9)
    draft = draft_of(RECORDED[0])._replace(block=block)
    said = http_assignment_fields(draft, bytes(32), {"path": b"/a/b/"})
    assert block_of({**stored, **said}) == block
    assert path_text(said) == "a/b"
