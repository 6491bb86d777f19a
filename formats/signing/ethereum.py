"""The two digests that Ethereum wallets sign, and secp256k1 checks against them.

Sources: EIP-191 (``personal_sign``), EIP-712 (typed data), and the constants that arbundles
fixes for its typed form.
"""

from __future__ import annotations

from typing import Final

from coincurve import PublicKey
from Crypto.Hash import keccak

from seriatim.formats.errors import BadSignatureError

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
    """Tell whether *signature* (r ‖ s ‖ v) is by *point* over *digest*.

    ``v`` only helps to find a key that is not known; here it is, so ``v`` is not read.
    libsecp256k1 refuses the upper half of ``s``, and so one of the two twins of a signature.
    """
    if point[0] != UNCOMPRESSED_POINT:
        return False
    try:
        return PublicKey(point).verify(_encode_der(signature), digest, hasher=None)
    except ValueError:
        return False


def recover_address(signature: bytes, digest: bytes) -> bytes:
    """Return the 20-byte address whose key made *signature* (r ‖ s ‖ v) over *digest*.

    ``v`` is the bare 0 or 1 that some wallets write, or any number from 27 on, of which only
    odd or even counts: this is how ethers reads it, and with it every arbundles. Here the upper
    half of ``s`` is taken too, as there.

    Raises:
        BadSignatureError: no key gives this signature.
    """
    v = signature[64]
    if v <= 1 or v >= RECOVERY_OFFSET:
        recovery = v if v <= 1 else (v - RECOVERY_OFFSET) & 1
        try:
            point = PublicKey.from_signature_and_message(
                signature[:64] + bytes((recovery,)), digest, hasher=None
            )
        except ValueError:
            pass
        else:
            return address_of(point.format(compressed=False))
    raise BadSignatureError("no key gives this signature")


def _encode_der(signature: bytes) -> bytes:
    """Return r ‖ s as the DER sequence of two integers that libsecp256k1's binding reads."""
    r, s = _encode_der_integer(signature[:32]), _encode_der_integer(signature[32:64])
    return b"\x30" + bytes((len(r) + len(s),)) + r + s


def _encode_der_integer(number: bytes) -> bytes:
    # A zero in front keeps the top bit from reading as a sign; needless zeros are not DER.
    digits = number.lstrip(b"\0")
    if not digits or digits[0] & 0x80:
        digits = b"\0" + digits
    return b"\x02" + bytes((len(digits),)) + digits
