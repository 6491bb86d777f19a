"""Every recorded item: verdict, reason, and each field, as real clients and readers have them.

An item is good when the maintained arbundles verifies it, its tags are canonical Avro, and no
bound is passed.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, walk_bundle
from seriatim.formats.ans104.deep_hash import deep_hash
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import LimitExceededError, SchedulerError
from seriatim.formats.ids import b64url, b64url_decode, decode_id, encode_id
from seriatim.formats.signing.ethereum import address_of
from seriatim.formats.signing.scheme import SignatureType

ITEMS = Path(__file__).parent / "vectors" / "items"
MAINTAINED = "@dha-team/arbundles@1.0.4"
REASONS = {
    "anchor-flag-2": "bad_presence_byte",
    "avro-string-length-huge": "non_canonical_tags",
    "avro-two-blocks": "non_canonical_tags",
    "invalid-data-appended": "bad_signature",
    "invalid-data-truncated": "bad_signature",
    "invalid-ed25519-signature": "bad_signature",
    "invalid-owner-swapped": "bad_signature",
    "invalid-signature-zero": "bad_signature",
    "no-tags-avro-zero-byte": "non_canonical_tags",
    "signature-type-0": "unknown_signature_type",
    "signature-type-257": "unknown_signature_type",
    "signature-type-99": "unknown_signature_type",
    "signer-ethereum-high-s": "bad_signature",
    "tag-bytes-length-huge": "truncated",
    "tag-count-too-high": "tag_count_mismatch",
    "tags-129": "limit_exceeded",
    "target-flag-2": "bad_presence_byte",
    "truncated-0": "truncated",
    "truncated-2": "truncated",
    "truncated-before-target-flag": "truncated",
    "truncated-in-anchor": "truncated",
    "truncated-in-owner": "truncated",
    "truncated-in-tag-header": "truncated",
    "truncated-in-tags": "truncated",
    "truncated-in-target": "truncated",
}
OVER_A_BOUND = {"tags-129"}
SPELLED_MAX = 2_000
RAW_BUNDLE = "bundle-raw-3"


def read(name: str) -> tuple[bytes, dict[str, Any]]:
    return (ITEMS / f"{name}.bin").read_bytes(), orjson.loads((ITEMS / f"{name}.json").read_bytes())


def spelled(raw: bytes, told: str, spell: Callable[[bytes], str]) -> str:
    """Return *raw* as the vectors write it: spelled out, or only summed up when it is long."""
    if told.startswith("("):
        return f"({len(raw)} bytes, sha256 {sha256(raw).hexdigest()})"
    return spell(raw)


def spelled_tag(tag: Tag) -> dict[str, str]:
    """Return *tag* as the vectors write it: as text, or both halves in hex, or cut short."""
    try:
        name, value = tag.name.decode(), tag.value.decode()
    except UnicodeDecodeError:
        return {"nameHex": tag.name.hex(), "valueHex": tag.value.hex()}
    if len(value) > SPELLED_MAX:
        value = f"({len(value)} bytes) {value[:40]}..."
    return {"name": name, "value": value}


NAMES = sorted(path.stem for path in ITEMS.glob("*.bin") if path.stem != RAW_BUNDLE)
PARSED = [name for name in NAMES if read(name)[1]["parse"] == "ok" and name not in OVER_A_BOUND]


def test_all_the_vectors_are_here() -> None:
    assert len(NAMES) == 64
    assert set(NAMES) >= REASONS.keys()
    for name in NAMES:
        raw, told = read(name)
        assert (len(raw), sha256(raw).hexdigest()) == (told["size"], told["sha256OfFile"])


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_that_of_the_maintained_reader(name: str) -> None:
    raw, told = read(name)
    good = (
        told["verify"][MAINTAINED] is True
        and told["tagsAreCanonicalAvro"]
        and name not in OVER_A_BOUND
    )
    assert good == (name not in REASONS)
    if good:
        DataItem.decode(raw).verify()
    else:
        with pytest.raises(SchedulerError) as caught:
            DataItem.decode(raw).verify()
        assert caught.value.code == REASONS[name]


@pytest.mark.parametrize("name", sorted(set(PARSED) - REASONS.keys()))
@pytest.mark.parametrize("wrap", [bytes, memoryview])
def test_every_field_is_read_as_recorded(name: str, wrap: type[bytes | memoryview]) -> None:
    raw, told = read(name)
    item = DataItem.decode(wrap(raw))
    assert item.raw == raw
    assert item.signature_type == told["signatureType"]
    assert b64url(item.signature) == told["signature"]
    assert b64url(item.owner) == told["owner"]
    assert encode_id(item.id) == told["id"]
    assert encode_id(item.address) == told["ownerAddressSha256"]
    assert b64url(item.target) == (told["target"] or "")
    assert b64url(item.anchor) == (told["anchorBase64url"] or "")
    assert len(item.tags) == told["tagCountHeader"]
    assert spelled(item.tag_block, told["rawTagsHex"], bytes.hex) == told["rawTagsHex"]
    assert spelled(bytes(item.data), told["dataBase64url"], b64url) == told["dataBase64url"]
    assert item.signing_hash().hex() == told["deepHashSha384Hex"]
    assert [spelled_tag(tag) for tag in item.tags] == told["tags"]


@pytest.mark.parametrize("name", sorted(set(PARSED) - REASONS.keys()))
def test_the_deep_hash_by_its_definition_is_the_one_with_tables(name: str) -> None:
    item = DataItem.decode(read(name)[0])
    fields = [b"dataitem", b"1", str(item.signature_type).encode(), item.owner, item.target]
    assert deep_hash([*fields, item.anchor, item.tag_block, item.data]) == item.signing_hash()


def test_the_ethereum_address_follows_from_the_owner() -> None:
    raw, told = read("signer-ethereum-v0-1")
    item = DataItem.decode(raw)
    assert item.signature_type == SignatureType.ETHEREUM
    assert "0x" + address_of(item.owner).hex() == told["ethereumAddress"].lower()


def test_the_raw_bundle_holds_three_good_items_and_is_written_back_the_same() -> None:
    raw, told = read(RAW_BUNDLE)
    items = decode_bundle(raw)
    assert [encode_id(item.id) for item in items] == told["ids"]
    assert [len(item.raw) for item in items] == told["sizes"]
    assert [item.signature_type for item in items] == [1, 2, 3]
    for item in items:
        item.verify()
    assert encode_bundle(items) == raw


@pytest.mark.parametrize("name", ["nested-bundle", "message-carrying-bundle"])
def test_the_items_of_a_bundle_inside_an_item_are_found(name: str) -> None:
    raw, told = read(name)
    outer = DataItem.decode(raw)
    found = list(walk_bundle(outer))
    assert [depth for depth, _ in found] == [1] * len(found)
    if name == "nested-bundle":
        assert [encode_id(item.id) for _, item in found] == told["expected"]["innerIds"]
    assert b"".join(item.raw for _, item in found) in b64url_decode(told["dataBase64url"])


def test_two_levels_of_bundles_are_walked_parents_first() -> None:
    raw, _ = read("nested-bundle-2-levels")
    found = list(walk_bundle(DataItem.decode(raw)))
    inner = [encode_id(item.id) for depth, item in found if depth == 2]
    assert found[0].depth == 1
    assert inner == read("nested-bundle")[1]["expected"]["innerIds"]
    for _, item in found:
        item.verify()


def test_the_bound_that_129_tags_pass_is_named() -> None:
    with pytest.raises(LimitExceededError) as caught:
        DataItem.decode(read("tags-129")[0])
    assert (caught.value.limit, caught.value.given, caught.value.maximum) == ("tags", 129, 128)


def test_two_signings_of_one_content_are_two_items() -> None:
    first, second = (DataItem.decode(read(name)[0]) for name in ("resign-1", "resign-2"))
    assert first.signing_hash() == second.signing_hash()
    assert first.id != second.id
    assert decode_id(read("resign-1")[1]["id"]) == first.id
