"""The deep hash by its definition, and the short way for items."""

from __future__ import annotations

from hashlib import sha384

import pytest

from seriatim.formats.ans104.deep_hash import deep_hash, item_hash
from seriatim.formats.signing.scheme import SCHEMES


def h(data: bytes) -> bytes:
    return sha384(data).digest()


def test_a_blob_is_hashed_with_its_length() -> None:
    assert deep_hash(b"hello") == h(h(b"blob5") + h(b"hello"))
    assert deep_hash(b"") == h(h(b"blob0") + h(b""))


def test_an_empty_list_is_not_an_empty_blob() -> None:
    assert deep_hash([]) == h(b"list0")


def test_lists_nest() -> None:
    inner = h(h(b"list1") + deep_hash(b"b"))
    expected = h(h(h(b"list2") + deep_hash(b"a")) + inner)
    assert deep_hash([b"a", [b"b"]]) == expected
    assert deep_hash((b"a", (memoryview(b"b"),))) == expected


@pytest.mark.parametrize("signature_type", SCHEMES)
@pytest.mark.parametrize("filled", [True, False])
def test_the_short_way_agrees_with_the_definition(signature_type: int, filled: bool) -> None:
    owner = b"o" * SCHEMES[signature_type].owner_bytes
    rest = (b"t" * 32, b"a" * 32, b"\x02\x00\x00\x00", b"d" * 1000) if filled else (b"",) * 4
    head = (b"dataitem", b"1", str(signature_type).encode())
    expected = deep_hash([*head, owner, *rest])
    assert item_hash(signature_type, owner, *rest) == expected
    views = [memoryview(field) for field in (owner, *rest)]
    assert item_hash(signature_type, *views) == expected


def test_the_published_unsigned_item_has_its_hash() -> None:
    """HyperBEAM's own example: two tags, ``hello``, nobody's signature."""
    block = bytes.fromhex("040261026208747970650e4d65737361676500")
    assert item_hash(1, bytes(512), b"", b"", block, b"hello").hex() == (
        "93a721eccc39de6fc5bc7a6ed5562e62b2eee121d917ef4cb2a5f32e424ce1c8"
        "82905f550565926da972acefa35b1c04"
    )
