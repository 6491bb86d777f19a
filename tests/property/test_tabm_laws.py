"""Laws of HyperBEAM's message forms: every codec gives back what it took, and an id is one id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import LimitExceededError, MalformedError, SchedulerError
from seriatim.formats.httpsig.commitments import message_id, sign, to_http, unsigned_id, verify
from seriatim.formats.httpsig.multipart import Part, join_parts, read_parts, write_part
from seriatim.formats.httpsig.placement import BODY_KEYS, CONTENT_TYPE, HttpMessage, gather, place
from seriatim.formats.httpsig.received import receive
from seriatim.formats.limits import JSON_DEPTH_MAX, SF_INTEGER_MAX
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.flat import decode_flat, encode_flat, flatten, unflatten
from seriatim.formats.tabm.json import decode_json, encode_json
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import Rich, from_tabm, to_tabm
from tests.support.rich_values import keys, messages, typed
from tests.support.strategies import known_wallet

WALLET = known_wallet(WalletKind.RSA)


@given(messages)
def test_rich_values_come_back_from_a_tabm(fields: dict[str, Rich]) -> None:
    found = from_tabm(to_tabm(fields))
    assert typed(found) == typed(fields)


@given(messages)
def test_a_tabm_comes_back_from_http(fields: dict[str, Rich]) -> None:
    tabm = to_tabm(fields)
    found = gather(place(tabm))
    if BODY_KEYS in found:
        del found[BODY_KEYS], found[CONTENT_TYPE]
    assert found == filled(tabm)


def filled(tabm: Any) -> Any:
    """Return *tabm* without maps that hold nothing: they have no form in parts and lines."""
    kept = {
        key: value if isinstance(value, bytes) else filled(value) for key, value in tabm.items()
    }
    return {key: value for key, value in kept.items() if value != {}}


@given(messages)
def test_an_unsigned_id_is_the_same_through_json(fields: dict[str, Rich]) -> None:
    tabm = to_tabm(fields)
    try:
        again = decode_json(encode_json(tabm))
    except SchedulerError:
        return  # bytes that are not UTF-8 have no JSON
    assert again == tabm
    try:
        id_text = unsigned_id(tabm)
    except MalformedError:
        return
    assert unsigned_id(again) == id_text


@given(messages)
def test_paths_come_back_from_their_lines(fields: dict[str, Rich]) -> None:
    tabm = to_tabm(fields)
    assert unflatten(flatten(tabm)) == filled(tabm)
    if not any(b"\n" in value or b": " in value for value in flatten(tabm).values()):
        assert decode_flat(encode_flat(tabm)) == filled(tabm)


@given(messages)
def test_a_signature_survives_the_wire(fields: dict[str, Rich]) -> None:
    assert isinstance(WALLET, RsaWallet)
    try:
        signed = sign(to_tabm(fields), WALLET)
    except MalformedError:
        return  # it holds what HTTP signatures cannot tell apart
    received = receive(to_http(signed)).tabm
    assert set(verify(signed)) == set(verify(received)) == {WALLET.address}
    assert received["commitments"] == signed["commitments"]


CODECS: Mapping[str, Callable[[Tabm], Tabm]] = {
    "structured": lambda tabm: to_tabm(from_tabm(tabm)),
    "flat": lambda tabm: decode_flat(encode_flat(tabm)),
    "json": lambda tabm: decode_json(encode_json(tabm)),
    "cbor": lambda tabm: decode_cbor(encode_cbor(tabm)),
    "httpsig": lambda tabm: receive(to_http(tabm)).tabm,
}


@pytest.mark.parametrize("codec", CODECS)
@given(messages)
def test_a_signed_id_is_the_same_through_every_codec(codec: str, fields: dict[str, Rich]) -> None:
    assert isinstance(WALLET, RsaWallet)
    try:
        signed = sign(to_tabm(fields), WALLET)
        again = CODECS[codec](signed)
    except (MalformedError, LimitExceededError):
        return  # it cannot be signed, or not be written in this form
    if codec == "flat" and again != filled(signed):
        return  # lines do not keep it: a value with a line break in it
    assert message_id(again) == message_id(signed)
    assert verify(again) == verify(signed)


@given(messages, messages)
def test_two_messages_do_not_share_an_id(first: dict[str, Rich], second: dict[str, Rich]) -> None:
    try:
        ids = unsigned_id(to_tabm(first)), unsigned_id(to_tabm(second))
    except MalformedError:
        return
    assert (ids[0] == ids[1]) == (filled(to_tabm(first)) == filled(to_tabm(second)))


parts = st.builds(
    Part,
    st.none() | keys,
    st.dictionaries(
        keys.filter(lambda key: key != "content-disposition"),
        st.binary(max_size=9).filter(lambda value: b"\r\n" not in value),
        min_size=1,
        max_size=3,
    ),
    st.none() | st.binary(max_size=30),
)


@given(st.lists(parts, min_size=1, max_size=5))
def test_parts_come_back_from_their_body(written: list[Part]) -> None:
    boundary, body = join_parts([write_part(part) for part in written])
    assert read_parts(body, boundary) == written


members = st.dictionaries(
    st.text("abcXYZ019%-._", min_size=1, max_size=9),
    st.builds(
        sf.Item,
        st.one_of(
            st.binary(max_size=9),
            st.binary(max_size=9).map(sf.Binary),
            st.from_regex(r"[a-z*][a-z0-9]{0,5}", fullmatch=True).map(sf.Token),
            st.booleans(),
            st.integers(-SF_INTEGER_MAX, SF_INTEGER_MAX),
        ),
        st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=5), max_size=2),
    ),
    max_size=5,
)


@given(members)
def test_a_dictionary_comes_back_from_its_text(written: dict[str, sf.Item | sf.InnerList]) -> None:
    assert sf.parse_dictionary(sf.write_dictionary(written)) == written


@given(st.binary(max_size=60) | st.text('ab="\\,;():?01 ', max_size=40).map(str.encode))
def test_any_field_is_read_or_refused(raw_field: bytes) -> None:
    for read in (sf.parse_dictionary, sf.parse_list, sf.parse_item):
        try:
            read(raw_field)
        except SchedulerError:
            continue


wild_headers = st.dictionaries(
    keys
    | st.sampled_from(
        [
            "ao-types",
            "signature",
            "signature-input",
            "inline-body-key",
            "content-type",
            "ao-ids",
            "content-digest",
            "a/b",
            "a",
        ]
    ),
    st.binary(max_size=30)
    | st.sampled_from(
        [
            b'multipart/form-data; boundary="B"',
            b'a="list"',
            b"s=:AA==:",
            b's=("a");alg="rsa-pss-sha512";keyid="AA"',
            b'b="empty-message"',
        ]
    ),
    max_size=6,
)
wild_bodies = st.binary(max_size=60) | st.lists(
    st.sampled_from(
        [
            b"--B\r\n",
            b"\r\n--B--",
            b"\r\n",
            b"a: b",
            b"content-disposition: inline",
            b'content-disposition: form-data;name="a/b"',
            b"x",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(wild_headers, wild_bodies)
def test_any_http_message_is_read_or_refused(headers: dict[str, bytes], body: bytes) -> None:
    try:
        found = receive(HttpMessage(headers, body)).tabm
        verify(found)
        from_tabm(found)
    except SchedulerError:
        pass


@pytest.mark.parametrize("depth", [JSON_DEPTH_MAX + 1, 5_000])
def test_what_is_nested_too_deep_is_refused(depth: int) -> None:
    path = "/".join("a" for _ in range(depth))
    body = b'--B\r\ncontent-disposition: form-data;name="%b"\r\n\r\nx\r\n--B--' % path.encode()
    with pytest.raises(SchedulerError):
        gather(HttpMessage({CONTENT_TYPE: b"multipart/form-data; boundary=B"}, body))
    with pytest.raises(SchedulerError):
        gather(HttpMessage({path: b"x"}, b""))
    with pytest.raises(SchedulerError):
        decode_flat(b"%b: x\n" % path.encode())
