"""The two digests that Ethereum wallets sign, and secp256k1 checks against them.

Sources: EIP-191 (``personal_sign``), EIP-712 (typed data), and the constants that arbundles
fixes for its typed form.
"""

from __future__ import annotations

from typing import Final

from coincurve import PublicKey
from Crypto.Hash import keccak

from seriatim.formats.errors import BadSignatureError

# Half of the order of secp256k1's group, rounded down.
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
UNCOMPRESSED_POINT: Final = 0x04
RECOVERY_OFFSET: Final = 27

_PERSONAL_PREFIX: Final = b"\x19Ethereum Signed Message:\n"
_TYPED_PREFIX: Final = b"\x19\x01"
_ADDRESS_CHARS: Final = 42
_ADDRESS_BYTES: Final = 20
_UPPER_FROM: Final = 8
_HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 of *data* (the original padding, not SHA3-256)."""
    return keccak.new(digest_bits=256, data=data).digest()


_DOMAIN_SEPARATOR: Final = keccak256(
    keccak256(b"EIP712Domain(string name,string version)") + keccak256(b"Bundlr") + keccak256(b"1")
)
_STRUCT_TYPE_HASH: Final = keccak256(b"Bundlr(bytes Transaction hash,address address)")


def personal_digest(message: bytes) -> bytes:
    """Return the 32 bytes that ``personal_sign`` signs for *message* (EIP-191, version 0x45).

    >>> personal_digest(b"hello").hex()[:16]
    '50b2c43fd39106ba'
    """
    return keccak256(_PERSONAL_PREFIX + str(len(message)).encode("ascii") + message)


def typed_digest(message: bytes, address: bytes) -> bytes:
    """Return the 32 bytes that a wallet signs for *message* as typed data (EIP-712).

    Args:
        message: the value of the struct's ``Transaction hash``.
        address: the value of its ``address``, 20 raw bytes.
    """
    struct = keccak256(_STRUCT_TYPE_HASH + keccak256(message) + address.rjust(32, b"\0"))
    return keccak256(_TYPED_PREFIX + _DOMAIN_SEPARATOR + struct)


def address_of(point: bytes) -> bytes:
    """Return the 20-byte Ethereum address of an uncompressed point (65 bytes)."""
    return keccak256(point[1:])[-_ADDRESS_BYTES:]


def decode_address(text: bytes) -> bytes:
    """Return the 20 bytes of an address written as ``0x`` and 40 hexadecimal digits.

    One case throughout is plain text; mixed case is a checksum (EIP-55), and has to be right.

    Raises:
        BadSignatureError: *text* is not an address, so nobody can have signed for it.
    """
    digits = text[2:]
    if len(text) == _ADDRESS_CHARS and text[:2] == b"0x" and _HEX_DIGITS.issuperset(digits):
        plain = digits.lower()
        if digits in (plain, plain.upper()) or digits == _checksummed(plain):
            return bytes.fromhex(plain.decode("ascii"))
    raise BadSignatureError("the owner is not an Ethereum address in text form")


def _checksummed(plain: bytes) -> bytes:
    """Return lower-case digits in the case that EIP-55 gives them: a digit of the hash each."""
    case = keccak256(plain).hex()
    digits = zip(plain.decode("ascii"), case, strict=False)
    return "".join(
        digit.upper() if int(high, 16) >= _UPPER_FROM else digit for digit, high in digits
    ).encode("ascii")


def verify_point(point: bytes, signature: bytes, digest: bytes) -> bool:
    """Tell whether *signature* (r ‖ s ‖ v) is by *point*, 65 bytes, over *digest*."""
    return point[0] == UNCOMPRESSED_POINT and _recover(signature, digest) == point


def recover_address(signature: bytes, digest: bytes) -> bytes:
    """Return the 20-byte address whose key made *signature* (r ‖ s ‖ v) over *digest*.

    Raises:
        BadSignatureError: no key gives this signature.
    """
    point = _recover(signature, digest)
    if point is None:
        raise BadSignatureError("no key gives this signature in its one form")
    return address_of(point)


def twin(signature: bytes) -> bytes:
    """Return *signature* (r ‖ s ‖ v) in its other form, with ``v`` bare or not."""
    v = signature[64]
    other = v + RECOVERY_OFFSET if v <= 1 else v - RECOVERY_OFFSET
    return signature[:64] + bytes((other & 0xFF,))


def _recover(signature: bytes, digest: bytes) -> bytes | None:
    """Return the point, 65 bytes, whose key made *signature*, or ``None`` for no key.

    ``v`` is 27 or 28, or the bare 0 or 1 that some wallets write, and ``s`` in the lower half.
    The other forms that arbundles takes (any number as ``v``, for typed data the upper half)
    anybody can make of this one, and with it the same message under another id. The two that
    are left are each other's `twin`.
    """
    v = signature[64]
    recovery = v if v <= 1 else v - RECOVERY_OFFSET
    if recovery not in (0, 1) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes((recovery,)), digest, hasher=None
        )
    except ValueError:
        return None
    return key.format(compressed=False)
