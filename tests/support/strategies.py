"""Hypothesis strategies for items, the test wallets, and a second, naive writer of bytes.

The naive writer shares no code with the product and checks nothing: what the strict reader must
refuse has to be written by somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import coincurve
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Ed25519Wallet, Secp256k1Wallet, Wallet, wallet_from_json

KEYS = Path(__file__).parents[1] / "conformance" / "vectors" / "keys"


@cache
def known_wallet(kind: WalletKind) -> Wallet:
    """Return the one wallet of *kind* whose key is public."""
    if kind is WalletKind.RSA:
        return wallet_from_json((KEYS / "test-only-arweave-user.jwk.json").read_bytes())
    others = orjson.loads((KEYS / "test-only-other-keys.json").read_bytes())
    if kind is WalletKind.ED25519:
        seed = bytes.fromhex(others["ed25519Seed"])
        return Ed25519Wallet(Ed25519PrivateKey.from_private_bytes(seed))
    return Secp256k1Wallet(coincurve.PrivateKey(bytes.fromhex(others["ethereum"])))


def zigzag(number: int) -> bytes:
    """Return Avro's shortest varint of any integer."""
    rest = number * 2 if number >= 0 else -number * 2 - 1
    digits = []
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*digits, rest])


def naive_records(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the records of *pairs*, without the count in front and the end behind."""
    return b"".join(zigzag(len(name)) + name + zigzag(len(value)) + value for name, value in pairs)


def naive_block(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the canonical tag block of *pairs*, of any size."""
    return zigzag(len(pairs)) + naive_records(pairs) + b"\0" if pairs else b""


def naive_item(  # each argument is one field of the layout
    *,
    signature_type: int = 2,
    signature: bytes = bytes(64),
    owner: bytes = bytes(32),
    target: bytes = b"\0",
    anchor: bytes = b"\0",
    tag_count: int = 0,
    tag_bytes: int | None = None,
    tag_block: bytes = b"",
    data: bytes = b"",
) -> bytes:
    """Return an item in which every field says what it was told to say."""
    claimed = len(tag_block) if tag_bytes is None else tag_bytes
    return b"".join(
        (
            signature_type.to_bytes(2, "little"),
            signature,
            owner,
            target,
            anchor,
            tag_count.to_bytes(8, "little"),
            claimed.to_bytes(8, "little"),
            tag_block,
            data,
        )
    )


kinds = st.sampled_from(WalletKind)
field = st.just(b"") | st.binary(min_size=32, max_size=32)
tag = st.builds(Tag, st.binary(max_size=80), st.binary(max_size=200))
# Fourteen of the largest stay under the bound of the block.
tags = st.lists(tag, max_size=14)


@st.composite
def items(draw: st.DrawFn, kind: WalletKind | None = None) -> DataItem:
    """Draw a signed item of *kind*, or of any kind but RSA, which is slow to sign."""
    if kind is None:
        kind = draw(st.sampled_from([WalletKind.ED25519, WalletKind.SECP256K1]))
    return sign_item(
        known_wallet(kind),
        target=draw(field),
        anchor=draw(field),
        tags=draw(tags),
        data=draw(st.binary(max_size=200)),
    )
