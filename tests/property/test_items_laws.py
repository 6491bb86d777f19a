"""Laws of items: there and back is the same, and no changed byte goes unseen."""

from __future__ import annotations

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag, decode_tags, encode_tags
from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, walk_bundle
from seriatim.formats.ans104.deep_hash import deep_hash
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import CommitmentError, FormatError
from seriatim.formats.signing.scheme import SCHEMES, SignatureType, WalletKind
from seriatim.formats.signing.verify import verify
from tests.support import strategies as own

V_AT = 2 + 64


def content(item: DataItem) -> tuple[object, ...]:
    """Return all that an item says, apart from its proof."""
    return item.owner, item.target, item.anchor, item.tags, bytes(item.data)


def survives(raw: bytes) -> DataItem | None:
    """Return the item of *raw* when it is read and verified, else ``None``."""
    try:
        item = DataItem.decode(raw)
        item.verify()
    except (FormatError, CommitmentError):
        return None
    return item


@given(own.tags)
def test_tags_come_back_from_their_block(tags: list[Tag]) -> None:
    block = encode_tags(tags)
    assert block == own.naive_block(list(tags))
    assert decode_tags(block, len(tags)) == tuple(tags)


@given(st.binary(max_size=60), st.integers(0, 130))
@example(b"\x04\x02a\x02b\x00\x02c\x00", 2)
def test_a_block_that_is_read_is_the_one_that_is_written(block: bytes, count: int) -> None:
    try:
        tags = decode_tags(block, count)
    except FormatError:
        return
    assert len(tags) == count
    assert encode_tags(tags) == block


@given(own.tags.filter(bool), st.data())
def test_a_block_with_one_byte_changed_is_refused_or_says_something_else(
    tags: list[Tag], data: st.DataObject
) -> None:
    block = bytearray(encode_tags(tags))
    at = data.draw(st.integers(0, len(block) - 1))
    block[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode_tags(bytes(block), len(tags))
    except FormatError:
        return
    assert changed != tuple(tags)
    assert encode_tags(changed) == block


@given(own.items())
def test_an_item_comes_back_from_its_bytes(item: DataItem) -> None:
    for again in (DataItem.decode(item.raw), DataItem.decode(memoryview(item.raw))):
        assert again == item
        assert content(again) == content(item)
        assert (again.id, again.address) == (item.id, item.address)
        assert again.signing_hash() == item.signing_hash()


@given(own.items())
def test_the_short_way_to_the_signing_hash_is_the_definition(item: DataItem) -> None:
    kind = str(item.signature_type).encode()
    head = [b"dataitem", b"1", kind, item.owner, item.target, item.anchor]
    assert item.signing_hash() == deep_hash([*head, item.tag_block, bytes(item.data)])


@given(own.kinds, own.field, own.field, own.tags, st.binary(max_size=100))
@settings(max_examples=30, deadline=None)
def test_what_a_wallet_signs_verifies(
    kind: WalletKind, target: bytes, anchor: bytes, tags: list[Tag], data: bytes
) -> None:
    item = sign_item(own.known_wallet(kind), target=target, anchor=anchor, tags=tags, data=data)
    item.verify()
    assert content(item)[1:] == (target, anchor, tuple(tags), data)


@given(own.items(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_is_refused(item: DataItem, data: st.DataObject) -> None:
    """Nothing that an item says can change under its signature, or under its id."""
    raw = bytearray(item.raw)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    assert survives(bytes(raw)) is None


@given(own.items(WalletKind.SECP256K1), st.integers(0, 255))
@settings(deadline=None)
def test_another_v_is_refused_or_makes_the_items_twin(item: DataItem, v: int) -> None:
    raw = bytearray(item.raw)
    raw[V_AT] = v
    changed = survives(bytes(raw))
    if v in (item.raw[V_AT], item.raw[V_AT] - 27):
        assert changed is not None
        assert changed.id in (item.id, item.twin_id)
        assert content(changed) == content(item)
    else:
        assert changed is None


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_flipped_bit_of_an_rsa_item_is_refused(data: st.DataObject) -> None:
    item = data.draw(own.items(WalletKind.RSA))
    raw = bytearray(item.raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert survives(bytes(raw)) is None


@given(own.items(), st.data())
@settings(deadline=None)
def test_a_truncated_or_extended_item_is_refused(item: DataItem, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(item.raw) - 1))
    assert survives(item.raw[:size]) is None
    assert survives(item.raw + data.draw(st.binary(min_size=1, max_size=40))) is None


@given(own.items(), own.items(), st.data())
@settings(deadline=None)
def test_a_part_of_another_item_in_its_place_is_refused(
    item: DataItem, other: DataItem, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(item.raw)))
    end = data.draw(st.integers(start, len(item.raw)))
    spliced = item.raw[:start] + other.raw[start:end] + item.raw[end:]
    assume(spliced not in (item.raw, other.raw))
    changed = survives(spliced)
    if changed is not None:
        assert content(changed) in (content(item), content(other))
        assert changed.signature_type == SignatureType.ETHEREUM


@given(st.sampled_from([*SCHEMES, 0, 8, 256]), st.binary(max_size=300), st.booleans())
@settings(deadline=None)
def test_random_bytes_are_refused_and_nothing_worse(
    signature_type: int,
    rest: bytes,
    whole: bool,  # drawn, not passed
) -> None:
    scheme = SCHEMES.get(signature_type)
    proof = (rest * 10_000)[: sum(scheme)] if scheme and whole and rest else b""
    assert survives(signature_type.to_bytes(2, "little") + proof + rest) is None


@given(st.sampled_from(sorted(SCHEMES)), st.data())
@settings(max_examples=300, deadline=None)
def test_random_keys_and_signatures_are_refused_and_nothing_worse(
    signature_type: int, data: st.DataObject
) -> None:
    scheme = SCHEMES[signature_type]
    signature = data.draw(st.binary(min_size=1, max_size=70)) * scheme.signature_bytes
    owner = data.draw(st.binary(min_size=1, max_size=70)) * scheme.owner_bytes
    try:
        verify(
            signature_type,
            owner[: scheme.owner_bytes],
            signature[: scheme.signature_bytes],
            data.draw(st.binary(min_size=48, max_size=48)),
        )
    except CommitmentError:
        return
    raise AssertionError("a signature that nobody made holds")


@given(st.lists(own.items(), max_size=4))
@settings(deadline=None)
def test_a_bundle_gives_back_its_items_and_its_bytes(items: list[DataItem]) -> None:
    raw = encode_bundle(items)
    assert list(decode_bundle(raw)) == items
    assert encode_bundle(decode_bundle(raw)) == raw


@given(st.lists(own.items(), min_size=1, max_size=3), st.data())
@settings(deadline=None)
def test_a_damaged_bundle_is_refused_or_holds_items_of_the_ids_it_names(
    items: list[DataItem], data: st.DataObject
) -> None:
    raw = bytearray(encode_bundle(items))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = decode_bundle(bytes(raw))
    except FormatError:
        return
    assert [item.id for item in found] == [item.id for item in items]
    assert encode_bundle(found) == raw


@given(st.binary(max_size=200))
def test_random_bytes_as_a_bundle_are_refused_and_nothing_worse(raw: bytes) -> None:
    assume(raw[:32] != bytes(32))
    outer = sign_item(
        own.known_wallet(WalletKind.ED25519),
        tags=[Tag(b"Bundle-Format", b"binary"), Tag(b"Bundle-Version", b"2.0.0")],
        data=raw,
    )
    try:
        found = list(walk_bundle(outer))
    except FormatError:
        return
    raise AssertionError(found)
