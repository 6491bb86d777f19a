"""The ANS-104 signature types and the sizes that each one fixes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class SignatureType(IntEnum):
    """The first two bytes of a data item, as a little-endian number."""

    ARWEAVE = 1
    """RSA-PSS with SHA-256; the owner is the modulus."""
    ED25519 = 2
    ETHEREUM = 3
    """secp256k1 over a `personal_sign` text."""
    SOLANA = 4
    """ed25519 over the hexadecimal text of the signing hash."""
    APTOS = 5
    """ed25519 over a fixed sentence that holds the signing hash."""
    MULTI_APTOS = 6
    """Up to 32 ed25519 signatures and a threshold."""
    TYPED_ETHEREUM = 7
    """secp256k1 over EIP-712 typed data; the owner is the address as text."""


class Scheme(NamedTuple):
    """The sizes of one signature type, in bytes."""

    signature_bytes: int
    owner_bytes: int


SCHEMES: Final[Mapping[int, Scheme]] = MappingProxyType(
    {
        SignatureType.ARWEAVE: Scheme(512, 512),
        SignatureType.ED25519: Scheme(64, 32),
        SignatureType.ETHEREUM: Scheme(65, 65),
        SignatureType.SOLANA: Scheme(64, 32),
        SignatureType.APTOS: Scheme(64, 32),
        SignatureType.MULTI_APTOS: Scheme(32 * 64 + 4, 32 * 32 + 1),
        SignatureType.TYPED_ETHEREUM: Scheme(65, 42),
    }
)
"""Every known type; a number that is not a key here is not a signature type."""


class WalletKind(StrEnum):
    """The kinds of key that a node can sign with."""

    RSA = "rsa"
    """RSA-4096, as Arweave wallets have it."""
    ED25519 = "ed25519"
    SECP256K1 = "secp256k1"
    """An Ethereum key."""
