"""Bundles: the header's promises, and bundles in bundles."""

from __future__ import annotations

import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, is_bundle, walk_bundle
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import BUNDLE_DEPTH_MAX, BUNDLE_ITEMS_MAX
from seriatim.formats.signing.scheme import WalletKind
from tests.support.strategies import known_wallet

BUNDLE_TAGS = (Tag(b"Bundle-Format", b"binary"), Tag(b"Bundle-Version", b"2.0.0"))
WALLET = known_wallet(WalletKind.ED25519)
FIRST, SECOND = (sign_item(WALLET, data=data) for data in (b"first", b"second one"))
BOTH = encode_bundle([FIRST, SECOND])
ITEMS_AT = 32 + 2 * 64


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def wrapped(data: bytes) -> DataItem:
    return sign_item(WALLET, tags=BUNDLE_TAGS, data=data)


def refusal(raw: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        decode_bundle(raw)
    return caught.value


def test_the_layout_is_count_entries_items() -> None:
    assert number(2) == BOTH[:32]
    assert number(len(FIRST.raw)) + FIRST.id == BOTH[32:96]
    assert number(len(SECOND.raw)) + SECOND.id == BOTH[96:160]
    assert FIRST.raw + SECOND.raw == BOTH[160:]
    assert decode_bundle(BOTH) == (FIRST, SECOND)
    assert decode_bundle(memoryview(BOTH)) == (FIRST, SECOND)


def test_an_empty_bundle_is_a_bundle() -> None:
    assert encode_bundle([]) == number(0)
    assert decode_bundle(number(0)) == ()


@pytest.mark.parametrize("size", [0, 31, 32, 95, ITEMS_AT - 1, ITEMS_AT, len(BOTH) - 1])
def test_a_truncated_bundle_is_refused_with_its_offset(size: int) -> None:
    error = refusal(BOTH[:size])
    assert (error.code, error.offset) == ("truncated", size)


def test_bytes_after_the_last_item_are_refused() -> None:
    error = refusal(BOTH + b"\0")
    assert (error.code, error.offset) == ("surplus_bytes", len(BOTH))


@pytest.mark.parametrize("count", [100, 2**64, 2**256 - 1])
def test_a_claimed_count_past_the_end_is_refused_before_it_is_used(count: int) -> None:
    assert refusal(number(count) + BOTH[32:]).code == "truncated"


@pytest.mark.parametrize("size", [0, 1, 2**64, 2**256 - 1])
def test_a_claimed_size_that_does_not_fit_is_refused(size: int) -> None:
    assert refusal(BOTH[:32] + number(size) + BOTH[64:]).code == "truncated"


def test_an_item_under_another_id_is_refused() -> None:
    error = refusal(BOTH[:64] + SECOND.id + BOTH[96:])
    assert (error.code, error.offset) == ("bundle_id_mismatch", 64)


def test_a_fault_in_an_item_is_placed_in_the_bundle() -> None:
    second_at = ITEMS_AT + len(FIRST.raw)
    broken = BOTH[:second_at] + b"\x63\x00" + BOTH[second_at + 2 :]
    error = refusal(broken)
    assert (error.code, error.offset) == ("unknown_signature_type", second_at)


def test_more_items_than_allowed_are_refused_both_ways() -> None:
    too_many = BUNDLE_ITEMS_MAX + 1
    with pytest.raises(LimitExceededError, match="bundle items"):
        encode_bundle([FIRST] * too_many)
    with pytest.raises(LimitExceededError, match="bundle items"):
        decode_bundle(number(too_many) + bytes(64 * too_many))


def test_only_both_tags_make_a_bundle() -> None:
    assert is_bundle(wrapped(BOTH))
    for tags in ((), BUNDLE_TAGS[:1], BUNDLE_TAGS[1:], (BUNDLE_TAGS[0], Tag(*b"x y".split()))):
        assert not is_bundle(sign_item(WALLET, tags=tags))
    lower = [Tag(name.lower(), value) for name, value in BUNDLE_TAGS]
    assert not is_bundle(sign_item(WALLET, tags=lower))


def test_an_item_that_is_no_bundle_has_nothing_inside() -> None:
    assert list(walk_bundle(sign_item(WALLET, data=BOTH))) == []


def test_a_walk_gives_each_item_before_its_children_and_in_order() -> None:
    inner = wrapped(BOTH)
    outer = wrapped(encode_bundle([inner, SECOND]))
    assert list(walk_bundle(outer)) == [(1, inner), (2, FIRST), (2, SECOND), (1, SECOND)]


def nest(levels: int) -> DataItem:
    item = FIRST
    for _ in range(levels):
        item = wrapped(encode_bundle([item]))
    return item


def test_bundles_nest_as_deep_as_the_bound_and_no_deeper() -> None:
    assert [depth for depth, _ in walk_bundle(nest(BUNDLE_DEPTH_MAX))] == list(
        range(1, BUNDLE_DEPTH_MAX + 1)
    )
    with pytest.raises(LimitExceededError, match="bundle depth"):
        list(walk_bundle(nest(BUNDLE_DEPTH_MAX + 1)))


def test_an_item_that_only_says_that_it_is_a_bundle_is_refused() -> None:
    with pytest.raises(MalformedError):
        list(walk_bundle(wrapped(b"no bundle")))
