"""One signed message is one sequence of bytes, however it travelled; nothing rides along."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import BadSignatureError, MalformedError, SchedulerError
from seriatim.formats.httpsig.canonical import canonical, keep, keep_received
from seriatim.formats.httpsig.commitments import (
    Fields,
    message_id,
    sign,
    signed_of,
    to_http,
    unsigned_id,
    verify,
)
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import receive
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY, commitments_of
from tests.support.hyperbeam import client_wallet, rsa_wallet

# A header, a short body of its own, a part, a long value, an id for a key, an empty one.
FIELDS: Fields = {
    "action": b"Ping",
    "ao-types": b'count="integer", nothing="empty-binary"',
    "body": {"a": b"1", "deep": {"b": b"2"}},
    "count": b"7",
    "data": b"text",
    "i" * 43: b"under an id",
    "long": b"x" * 5_000,
}
SIGNED = sign(FIELDS, client_wallet())
KEPT = canonical(SIGNED)
PLAIN = sign({"action": b"Ping", "target": b"t" * 43}, client_wallet())


def rewritten(change: Callable[[dict[str, Fields]], None]) -> Fields:
    commitments = {key: dict(value) for key, value in commitments_of(SIGNED).items()}
    change(commitments)
    return {**SIGNED, COMMITMENTS_KEY: commitments}


def without_hash(commitments: dict[str, Fields]) -> None:
    for key in [key for key, each in commitments.items() if "committer" not in each]:
        del commitments[key]


def with_another_name(commitments: dict[str, Fields]) -> None:
    for each in commitments.values():
        for name in ("signature", "signature-input"):
            value = each[name]
            assert isinstance(value, bytes)
            each[name] = value.replace(b"http-sig-", b"mine-")


def with_more_in_it(commitments: dict[str, Fields]) -> None:
    for each in commitments.values():
        each["comment"] = b"not signed"


def with_another_algorithm(commitments: dict[str, Fields]) -> None:
    for each in commitments.values():
        each["alg"] = b"none"


@pytest.mark.parametrize("change", [without_hash, with_another_name, with_more_in_it])
def test_other_forms_of_a_commitment_are_the_same_bytes(
    change: Callable[[dict[str, Fields]], None],
) -> None:
    changed = rewritten(change)
    assert changed != SIGNED
    assert encode_cbor(canonical(changed)) == encode_cbor(KEPT)


def test_what_was_signed_is_kept_and_verifies() -> None:
    assert {**KEPT, COMMITMENTS_KEY: {}} == {**FIELDS, COMMITMENTS_KEY: {}}
    assert list(verify(KEPT)) == [client_wallet().address]
    assert canonical(KEPT) == KEPT
    assert message_id(KEPT) == message_id(SIGNED)


def test_a_message_that_went_over_http_is_the_same_bytes() -> None:
    received = receive(to_http(SIGNED)).tabm
    assert received.keys() > SIGNED.keys(), "what placing adds comes back as keys"
    assert encode_cbor(canonical(received)) == encode_cbor(KEPT)


def test_the_key_that_stands_for_the_body_is_not_kept_where_it_is_the_usual_one() -> None:
    """Within another message nobody says it, and that is the same signature under the same id."""
    signed = sign({"data": b"text", "type": b"Message"}, client_wallet())
    received = receive(to_http(signed)).tabm
    assert received["inline-body-key"] == b"data"
    assert encode_cbor(canonical(received)) == encode_cbor(canonical(signed))
    another = sign({"data": b"text", "inline-body-key": b"type", "type": b"x"}, client_wallet())
    assert canonical(another)["inline-body-key"] == b"type"


@given(
    name=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
    value=st.binary(max_size=20),
    is_nested=st.booleans(),
)
def test_what_nobody_signed_falls_away_or_is_refused(
    name: str, value: bytes, *, is_nested: bool
) -> None:
    """Never kept: a key beside the signed ones says nothing about their signer."""
    surplus: Fields = {name: {"inner": value} if is_nested else value}
    try:
        kept = canonical({**PLAIN, **surplus, **dict.fromkeys(PLAIN.keys() & surplus.keys(), b"x")})
    except SchedulerError:
        return
    verified = {key: value for key, value in kept.items() if key != COMMITMENTS_KEY}
    if verified != {key: value for key, value in PLAIN.items() if key != COMMITMENTS_KEY}:
        with pytest.raises(BadSignatureError):
            verify(kept)


def test_a_value_for_a_key_that_is_signed_as_empty_does_not_get_in() -> None:
    """HyperBEAM counts such a key as signed, and takes whatever value it is sent."""
    forged = {**SIGNED, "nothing": b"something"}
    assert "nothing" not in canonical(forged)


def test_a_part_that_was_added_breaks_the_signature() -> None:
    forged: Fields = {**SIGNED, "body": {"a": b"1", "deep": {"b": b"2"}, "more": b"3"}}
    with pytest.raises(BadSignatureError):
        verify(canonical(forged))
    with pytest.raises(BadSignatureError):
        verify(canonical({**SIGNED, "part": {"more": b"3"}}))


def test_a_component_that_is_gone_is_named() -> None:
    with pytest.raises(MalformedError, match="'action'") as caught:
        canonical({key: value for key, value in SIGNED.items() if key != "action"})
    assert caught.value.code == "bad_signature_input"


def test_two_signatures_are_refused_because_one_of_them_would_be_the_same_message() -> None:
    twice = sign(SIGNED, rsa_wallet())
    assert len(signed_of(twice)) == 2
    with pytest.raises(MalformedError, match="several signatures"):
        canonical(twice)
    with pytest.raises(MalformedError, match="several signatures"):
        keep_received(receive(to_http(twice)))


def test_a_signature_over_what_did_not_come_is_refused_before_anything_is_kept() -> None:
    """Also where the header that it is over could be made of what came."""
    placed = to_http(sign({"data": b"text", "type": b"Message"}, client_wallet()))
    headers = {**placed.headers, "ao-body-key": placed.headers["inline-body-key"]}
    del headers["inline-body-key"]
    with pytest.raises(MalformedError) as caught:
        receive(HttpMessage(headers, placed.body))
    assert caught.value.code == "bad_signature_input"


def test_what_is_kept_is_verified_as_the_message_is() -> None:
    keep(KEPT).verify()
    forged = keep({**KEPT, "action": b"Pong"})
    with pytest.raises(BadSignatureError):
        forged.verify()
    with pytest.raises(MalformedError, match="cannot tell apart"):
        keep({"note": b"two\nlines"}).verify()


def test_a_commitment_of_another_kind_is_refused() -> None:
    changed = rewritten(with_another_algorithm)
    with pytest.raises(MalformedError, match="not signed by"):
        canonical(changed)


def test_an_unsigned_message_keeps_all_but_commitments() -> None:
    message: Fields = {"a": b"1", COMMITMENTS_KEY: {}, "private-note": b"x", "signature": b"y"}
    assert canonical(message) == {"a": b"1"}
    assert message_id(canonical(message)) == unsigned_id({"a": b"1"})


def test_what_placing_makes_anew_is_not_kept_but_a_content_type_that_was_signed_is() -> None:
    text = sign({"content-type": b"text/plain", "data": b"x"}, client_wallet())
    assert canonical(text)["content-type"] == b"text/plain"
    received = receive(to_http(SIGNED)).tabm
    assert "content-type" in received
    assert "content-type" not in canonical(received)


def test_a_body_that_nobody_signed_falls_away() -> None:
    received = receive(HttpMessage(to_http(PLAIN).headers, b"rides along")).tabm
    assert received["body"] == b"rides along"
    assert canonical(received) == canonical(PLAIN)


def test_a_map_that_holds_nothing_rides_along_with_no_signature() -> None:
    """Private keys are left out, and what is left of a map of them has no place."""
    signed = sign({"action": b"Ping", "inner": {"a": b"1"}}, client_wallet())
    each: tuple[Fields, ...] = (
        {"x": {"private": b"1"}},
        {"x": {}},
        {"x": {"y": {"priv-z": b"1"}}},
    )
    for surplus in each:
        assert encode_cbor(canonical({**signed, **surplus})) == encode_cbor(canonical(signed))


def test_a_message_of_many_parts_is_verified_within_its_assignment_too() -> None:
    """What names the parts has as many members as there are parts."""
    parts: Fields = {f"k{number}": {"a": b"1"} for number in range(1_022)}
    kept = canonical(sign(parts, client_wallet()))
    verify(kept)
    verify(canonical(sign({"body": kept}, rsa_wallet())))
