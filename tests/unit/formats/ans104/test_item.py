"""Items: each rule of the layout, and what building gives."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item, unsigned_item
from seriatim.formats.errors import LimitExceededError, MalformedError, WeakKeyError
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import SCHEMES, WalletKind
from tests.support.strategies import known_wallet, naive_block, naive_item

OWNER_END = 2 + 64 + 32
FIELD = b"\1" + b"t" * 32
PAIRS = [(b"Type", b"Message"), (b"Type", b"Process"), (b"a", b"")]
BLOCK = naive_block(PAIRS)


def refusal(raw: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        DataItem.decode(raw)
    return caught.value


@pytest.mark.parametrize("signature_type", SCHEMES)
@pytest.mark.parametrize("target", [b"", b"t" * 32])
@pytest.mark.parametrize("anchor", [b"", b"a" * 32])
@pytest.mark.parametrize("pairs", [[], PAIRS])
@pytest.mark.parametrize("data", [b"", b"data"])
def test_every_shape_is_read_and_is_built_alike(
    signature_type: int,
    target: bytes,
    anchor: bytes,
    pairs: list[tuple[bytes, bytes]],
    data: bytes,
) -> None:
    scheme = SCHEMES[signature_type]
    signature, owner = b"s" * scheme.signature_bytes, b"o" * scheme.owner_bytes
    raw = naive_item(
        signature_type=signature_type,
        signature=signature,
        owner=owner,
        target=b"\1" + target if target else b"\0",
        anchor=b"\1" + anchor if anchor else b"\0",
        tag_count=len(pairs),
        tag_block=naive_block(pairs),
        data=data,
    )
    built = unsigned_item(
        signature_type=signature_type,
        owner=owner,
        target=target,
        anchor=anchor,
        tags=[Tag(*pair) for pair in pairs],
        data=data,
    ).signed(signature)
    for item in (DataItem.decode(raw), DataItem.decode(memoryview(raw)), built):
        assert item.raw == raw
        assert item.signature_type == signature_type
        assert (item.signature, item.owner) == (signature, owner)
        assert (item.target, item.anchor, bytes(item.data)) == (target, anchor, data)
        assert item.tags == tuple(Tag(*pair) for pair in pairs)
        assert item.tag_block == naive_block(pairs)
        assert item.id == sha256(signature).digest()
        assert item.address == sha256(owner).digest()


def test_the_first_of_two_tags_with_one_name_counts_and_case_matters() -> None:
    item = DataItem.decode(naive_item(tag_count=3, tag_block=BLOCK))
    assert item.tag(b"Type") == b"Message"
    assert item.tag(b"a") == b""
    assert item.tag(b"type") is None


def test_the_data_is_a_view_of_what_came_in() -> None:
    raw = naive_item(data=b"payload")
    assert DataItem.decode(raw).data.obj is raw
    assert DataItem.decode(memoryview(raw)).data.obj is raw


def test_an_item_cannot_be_changed() -> None:
    item: Any = DataItem.decode(naive_item(data=b"x"))
    for name in ("raw", "signature_type", "tags", "data", "id", "anything"):
        with pytest.raises(AttributeError):
            setattr(item, name, b"")


def test_items_are_equal_when_their_bytes_are() -> None:
    raw = naive_item(data=b"x")
    item = DataItem.decode(raw)
    assert item == DataItem.decode(memoryview(bytearray(raw)))
    assert hash(item) == hash(DataItem.decode(memoryview(raw)))
    assert item != DataItem.decode(naive_item(data=b"y"))
    assert item != raw


def test_an_item_shows_its_id_and_not_its_data() -> None:
    item = DataItem.decode(naive_item(data=b"secret"))
    assert encode_id(item.id) in repr(item)
    assert "secret" not in repr(item)


WHOLE = naive_item(target=FIELD, anchor=FIELD, tag_count=3, tag_block=BLOCK)


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, "signature type"),
        (1, "signature type"),
        (2, "signature"),
        (2 + 63, "signature"),
        (2 + 64, "owner"),
        (OWNER_END - 1, "owner"),
        (OWNER_END, "target"),
        (OWNER_END + 1, "target"),
        (OWNER_END + 32, "target"),
        (OWNER_END + 33, "anchor"),
        (OWNER_END + 65, "anchor"),
        (OWNER_END + 66, "tag header"),
        (OWNER_END + 66 + 15, "tag header"),
        (OWNER_END + 66 + 16, "tag block"),
        (len(WHOLE) - 1, "tag block"),
    ],
)
def test_a_truncated_item_is_refused_with_its_offset(size: int, part: str) -> None:
    error = refusal(WHOLE[:size])
    assert (error.code, error.offset) == ("truncated", size)
    assert part in error.reason


def test_an_item_that_ends_with_its_tags_is_whole() -> None:
    assert not DataItem.decode(WHOLE).data


@pytest.mark.parametrize("signature_type", [0, 8, 99, 257, 0x0100, 0xFFFF])
def test_an_unknown_signature_type_is_refused(signature_type: int) -> None:
    error = refusal(naive_item(signature_type=signature_type))
    assert (error.code, error.offset) == ("unknown_signature_type", 0)


@pytest.mark.parametrize("presence", [2, 3, 128, 255])
def test_a_presence_byte_is_0_or_1(presence: int) -> None:
    bad = bytes((presence,)) + b"t" * 32
    error = refusal(naive_item(target=bad))
    assert (error.code, error.offset) == ("bad_presence_byte", OWNER_END)
    error = refusal(naive_item(target=FIELD, anchor=bad))
    assert (error.code, error.offset) == ("bad_presence_byte", OWNER_END + 33)


@pytest.mark.parametrize("claimed", [len(BLOCK) + 1, 4097, 2**32, 2**63, 2**64 - 1])
def test_a_claimed_tag_block_past_the_end_is_refused_before_it_is_read(claimed: int) -> None:
    raw = naive_item(tag_count=3, tag_block=BLOCK, tag_bytes=claimed)
    assert refusal(raw).code == "truncated"


@pytest.mark.parametrize("count", [0, 2, 4, 128])
def test_the_tag_count_must_be_that_of_the_block(count: int) -> None:
    error = refusal(naive_item(tag_count=count, tag_block=BLOCK))
    assert (error.code, error.offset) == ("tag_count_mismatch", OWNER_END + 2 + 16)


def test_a_fault_in_the_tags_is_placed_in_the_item() -> None:
    error = refusal(naive_item(tag_count=3, tag_block=BLOCK + b"\0", data=b"x"))
    tags_at = OWNER_END + 2 + 16
    assert (error.code, error.offset) == ("non_canonical_tags", tags_at + len(BLOCK))


def test_tags_claimed_to_be_shorter_than_they_are_are_refused() -> None:
    raw = naive_item(tag_count=3, tag_block=BLOCK, tag_bytes=len(BLOCK) - 1)
    assert refusal(raw).code == "non_canonical_tags"


@pytest.mark.parametrize(
    ("pairs", "limit"),
    [
        ([(b"", b"")] * 129, "tags"),
        ([(b"n" * 1025, b"")], "tag name"),
        ([(b"", b"v" * 3073)], "tag value"),
        ([(b"n" * 1000, b"v" * 3065), (b"", b"v" * 25)], "tag block"),
        ([(b"n" * 1024, b"v" * 3072)] * 5, "tag block"),
    ],
)
def test_tags_over_a_bound_are_refused_by_name(
    pairs: list[tuple[bytes, bytes]], limit: str
) -> None:
    block = naive_block(pairs)
    with pytest.raises(LimitExceededError) as caught:
        DataItem.decode(naive_item(tag_count=len(pairs), tag_block=block))
    assert caught.value.limit == limit


def test_a_huge_tag_count_over_a_small_block_is_a_bound() -> None:
    with pytest.raises(LimitExceededError, match="tags is 18446744073709551615"):
        DataItem.decode(naive_item(tag_count=2**64 - 1, tag_block=BLOCK))


@pytest.mark.parametrize("kind", WalletKind)
def test_a_signed_item_verifies_and_is_its_wallets(kind: WalletKind) -> None:
    wallet = known_wallet(kind)
    item = sign_item(wallet, target=b"t" * 32, tags=[Tag(b"a", b"b")], data=b"x")
    item.verify()
    DataItem.decode(item.raw).verify()
    assert (item.signature_type, item.owner) == (wallet.signature_type, wallet.owner)
    assert item.address == wallet.address
    assert item.tags == (Tag(b"a", b"b"),)


def test_an_item_that_nobody_signed_is_well_formed_and_does_not_verify() -> None:
    unsigned = unsigned_item(signature_type=1, owner=bytes(512), data=b"hello")
    item = unsigned.signed(bytes(512))
    assert item.signing_hash() == unsigned.signing_hash()
    with pytest.raises(WeakKeyError):
        item.verify()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"signature_type": 8}, "unknown_signature_type"),
        ({"owner": bytes(31)}, "bad_field_length"),
        ({"target": bytes(31)}, "bad_field_length"),
        ({"target": bytes(33)}, "bad_field_length"),
        ({"anchor": b"x"}, "bad_field_length"),
    ],
)
def test_what_has_no_place_in_the_layout_is_not_built(fields: dict[str, Any], code: str) -> None:
    given: dict[str, Any] = {"signature_type": 2, "owner": bytes(32)} | fields
    with pytest.raises(MalformedError) as caught:
        unsigned_item(**given)
    assert caught.value.code == code


def test_a_signature_of_another_length_is_not_built_in() -> None:
    with pytest.raises(MalformedError, match="63 bytes, not 64"):
        unsigned_item(signature_type=2, owner=bytes(32)).signed(bytes(63))


def test_more_tags_than_allowed_are_not_built_in() -> None:
    with pytest.raises(LimitExceededError):
        sign_item(known_wallet(WalletKind.ED25519), tags=[Tag(b"", b"")] * 129)
