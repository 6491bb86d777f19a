"""Checking a signature: one function for each ANS-104 signature type, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from seriatim.formats.errors import BadSignatureError, MalformedError, WeakKeyError
from seriatim.formats.limits import RSA_KEY_MIN_BITS, RSA_KEYS_CACHED_MAX
from seriatim.formats.signing import ethereum
from seriatim.formats.signing.scheme import SCHEMES, SignatureType

RSA_EXPONENT: Final = 65537

_SHA256: Final = SHA256()
_PSS_ANY_SALT: Final = PSS(MGF1(_SHA256), PSS.AUTO)
_SHA512: Final = SHA512()
_PSS_512_ANY_SALT: Final = PSS(MGF1(_SHA512), PSS.AUTO)

_ED25519_KEY_BYTES: Final = 32
_ED25519_SIGNATURE_BYTES: Final = 64
_MULTI_SLOTS: Final = 32
_MULTI_BITMAP_AT: Final = _MULTI_SLOTS * _ED25519_SIGNATURE_BYTES
_MULTI_THRESHOLD_AT: Final = _MULTI_SLOTS * _ED25519_KEY_BYTES

# The curve's eight points of small order have five y coordinates; two of them can also be written
# as y + p. Under such a key one signature holds for many messages (RFC 8032 leaves it open).
_FIELD_PRIME: Final = 2**255 - 19
_ORDER_EIGHT_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        _ORDER_EIGHT_Y,
        _FIELD_PRIME - _ORDER_EIGHT_Y,
        _FIELD_PRIME,
        _FIELD_PRIME + 1,
    }
)
_Y_MASK: Final = 2**255 - 1


def verify(signature_type: int, owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    """Return when *signature* is *owner*'s over *signing_hash*, and raise otherwise.

    Args:
        signature_type: 1 to 7, see `SignatureType`.
        owner: the public key in the form of its type, `SCHEMES` bytes long.
        signature: `SCHEMES` bytes long.
        signing_hash: the 48-byte deep hash of the item.

    Raises:
        MalformedError: the type is not known (code ``unknown_signature_type``), or owner or
            signature have another length than the type fixes (code ``bad_key_length``).
        BadSignatureError: the signature does not hold.
        WeakKeyError: the key is of a kind that proves nothing, whatever was signed.

    Source:
        ANS-104, and the behaviour of arbundles where it leaves room.
    """
    check = _CHECKS.get(signature_type)
    if check is None:
        raise MalformedError(
            f"signature type {signature_type} is not known", code="unknown_signature_type"
        )
    if (len(signature), len(owner)) != SCHEMES[signature_type]:
        raise MalformedError(
            f"owner or signature does not have the length of type {signature_type}",
            code="bad_key_length",
        )
    check(owner, signature, signing_hash)


def twin_of(signature_type: int, signature: bytes) -> bytes | None:
    """Return the one other signature that holds where *signature* does, or ``None``.

    Anybody can make it, and a data item's id is the hash of its signature: whoever places a
    message looks for its twin too.
    """
    if signature_type in (SignatureType.ETHEREUM, SignatureType.TYPED_ETHEREUM):
        return ethereum.twin(signature)
    return None


def verify_http(owner: bytes, signature: bytes, base: bytes) -> None:
    """Return when *signature* is *owner*'s RSA-PSS-SHA512 over *base*, and raise otherwise.

    Args:
        owner: the modulus, 512 bytes.
        signature: 512 bytes; a salt of any length is taken.
        base: what was signed, of any length.

    Raises:
        MalformedError: a length does not fit; code ``bad_key_length``.
        BadSignatureError: the signature does not hold.
        WeakKeyError: as for `verify`.
    """
    if (len(signature), len(owner)) != SCHEMES[SignatureType.ARWEAVE]:
        raise MalformedError("owner or signature is not of RSA-4096", code="bad_key_length")
    try:
        _rsa_key(owner).verify(signature, base, _PSS_512_ANY_SALT, _SHA512)
    except InvalidSignature:
        raise BadSignatureError("the signature is not the owner's over this message") from None


def _verify_arweave(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    try:
        _rsa_key(owner).verify(signature, signing_hash, _PSS_ANY_SALT, _SHA256)
    except InvalidSignature:
        raise _bad_signature() from None


@lru_cache(maxsize=RSA_KEYS_CACHED_MAX)
def _rsa_key(owner: bytes) -> RSAPublicKey:
    """Return the key of a modulus. Kept: owners come back, and this is a sixth of a check."""
    # The owner always has 512 bytes; zeros in front would hide a short modulus.
    modulus = int.from_bytes(owner, "big")
    if modulus.bit_length() < RSA_KEY_MIN_BITS or not modulus & 1:
        raise WeakKeyError(f"an RSA modulus must be odd, of {RSA_KEY_MIN_BITS} bits or more")
    return RSAPublicNumbers(RSA_EXPONENT, modulus).public_key()


def _verify_ed25519(owner: bytes, signature: bytes, message: bytes) -> None:
    if int.from_bytes(owner, "little") & _Y_MASK in _SMALL_ORDER_Y:
        raise WeakKeyError("the ed25519 key is a point of small order")
    try:
        Ed25519PublicKey.from_public_bytes(owner).verify(signature, message)
    except InvalidSignature:
        raise _bad_signature() from None


def _verify_solana(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    _verify_ed25519(owner, signature, signing_hash.hex().encode("ascii"))


def _verify_aptos(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    text = f"APTOS\nmessage: {signing_hash.hex()}\nnonce: bundlr"
    _verify_ed25519(owner, signature, text.encode("ascii"))


def _verify_multi_aptos(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    # arbundles never reads the threshold and takes an empty bitmap: there, anybody signs.
    bitmap = int.from_bytes(signature[_MULTI_BITMAP_AT:], "big")
    if bitmap.bit_count() < max(1, owner[_MULTI_THRESHOLD_AT]):
        raise BadSignatureError("fewer signatures than the owner's threshold")
    for index in range(_MULTI_SLOTS):
        key_at = index * _ED25519_KEY_BYTES
        slot_at = index * _ED25519_SIGNATURE_BYTES
        slot = signature[slot_at : slot_at + _ED25519_SIGNATURE_BYTES]
        if bitmap >> (_MULTI_SLOTS - 1 - index) & 1:
            _verify_ed25519(owner[key_at : key_at + _ED25519_KEY_BYTES], slot, signing_hash)
        elif any(slot):
            # Nobody signed these bytes, and the item's id depends on them.
            raise BadSignatureError("a slot that is not marked as signed is not zero")


def _verify_ethereum(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    if not ethereum.verify_point(owner, signature, ethereum.personal_digest(signing_hash)):
        raise _bad_signature()


def _verify_typed_ethereum(owner: bytes, signature: bytes, signing_hash: bytes) -> None:
    address = ethereum.decode_address(owner)
    digest = ethereum.typed_digest(signing_hash, address)
    if ethereum.recover_address(signature, digest) != address:
        raise _bad_signature()


def _bad_signature() -> BadSignatureError:
    return BadSignatureError("the signature is not the owner's signature over this item")


_CHECKS: Final[Mapping[int, Callable[[bytes, bytes, bytes], None]]] = {
    SignatureType.ARWEAVE: _verify_arweave,
    SignatureType.ED25519: _verify_ed25519,
    SignatureType.ETHEREUM: _verify_ethereum,
    SignatureType.SOLANA: _verify_solana,
    SignatureType.APTOS: _verify_aptos,
    SignatureType.MULTI_APTOS: _verify_multi_aptos,
    SignatureType.TYPED_ETHEREUM: _verify_typed_ethereum,
}
assert _CHECKS.keys() == SCHEMES.keys()
