"""Each signature type: what holds, what does not, and the keys that prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import coincurve
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

from seriatim.formats.errors import BadSignatureError, MalformedError, WeakKeyError
from seriatim.formats.ids import b64url_decode
from seriatim.formats.signing.ethereum import address_of, personal_digest, typed_digest
from seriatim.formats.signing.scheme import SCHEMES, WalletKind
from seriatim.formats.signing.verify import twin_of, verify
from tests.support.strategies import known_wallet

HASH = bytes(range(48))
OTHER_HASH = bytes(range(1, 49))
CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
ED25519_KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(32)]
ED25519_OWNER = ED25519_KEYS[0].public_key().public_bytes_raw()
ETHEREUM_KEY = coincurve.PrivateKey(b"\x07" * 32)
POINT = ETHEREUM_KEY.public_key.format(compressed=False)
ADDRESS = b"0x" + address_of(POINT).hex().encode()


def multi_owner(threshold: int) -> bytes:
    keys = b"".join(key.public_key().public_bytes_raw() for key in ED25519_KEYS)
    return keys + bytes((threshold,))


def multi_signature(*marked: int, bitmap: int | None = None) -> bytes:
    """Return signatures of the keys *marked*, and a bitmap of them or another one."""
    slots = [key.sign(HASH) if n in marked else bytes(64) for n, key in enumerate(ED25519_KEYS)]
    bits = sum(1 << (31 - n) for n in marked) if bitmap is None else bitmap
    return b"".join(slots) + bits.to_bytes(4, "big")


def ethereum_signature(digest: bytes) -> bytes:
    signature = ETHEREUM_KEY.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes((27 + signature[64],))


def typed_signature() -> bytes:
    return ethereum_signature(typed_digest(HASH, address_of(POINT)))


def other_s(signature: bytes, *, v: int) -> bytes:
    """Return the twin of *signature* in the other half of s."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((v,))


def arweave() -> tuple[bytes, bytes]:
    wallet = known_wallet(WalletKind.RSA)
    return wallet.owner, wallet.sign(HASH)


GOOD: dict[int, Callable[[], tuple[bytes, bytes]]] = {
    1: arweave,
    2: lambda: (ED25519_OWNER, ED25519_KEYS[0].sign(HASH)),
    3: lambda: (POINT, ethereum_signature(personal_digest(HASH))),
    4: lambda: (ED25519_OWNER, ED25519_KEYS[0].sign(HASH.hex().encode())),
    5: lambda: (
        ED25519_OWNER,
        ED25519_KEYS[0].sign(b"APTOS\nmessage: " + HASH.hex().encode() + b"\nnonce: bundlr"),
    ),
    6: lambda: (multi_owner(2), multi_signature(0, 9, 31)),
    7: lambda: (ADDRESS, typed_signature()),
}


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def holds(signature_type: int, owner: bytes, signature: bytes) -> bool:
    try:
        verify(signature_type, owner, signature, HASH)
    except BadSignatureError:
        return False
    return True


def refused(signature_type: int, owner: bytes, signature: bytes, hash_: bytes = HASH) -> None:
    with pytest.raises(BadSignatureError):
        verify(signature_type, owner, signature, hash_)


def test_every_type_is_covered() -> None:
    assert GOOD.keys() == SCHEMES.keys()


@pytest.mark.parametrize("kind", GOOD)
def test_a_signature_holds_for_its_hash_only(kind: int) -> None:
    owner, signature = GOOD[kind]()
    verify(kind, owner, signature, HASH)
    refused(kind, owner, signature, OTHER_HASH)


@pytest.mark.parametrize("kind", GOOD)
def test_a_changed_signature_does_not_hold(kind: int) -> None:
    owner, signature = GOOD[kind]()
    for at in range(0, len(signature), 1 if len(signature) < 100 else 37):
        refused(kind, owner, flipped(signature, at))


@pytest.mark.parametrize("kind", GOOD)
def test_a_signature_of_zeros_does_not_hold(kind: int) -> None:
    owner, signature = GOOD[kind]()
    refused(kind, owner, bytes(len(signature)))


@pytest.mark.parametrize("kind", [2, 4, 5])
def test_another_ed25519_form_of_the_same_hash_does_not_hold(kind: int) -> None:
    for other in {2, 4, 5} - {kind}:
        owner, signature = GOOD[other]()
        refused(kind, owner, signature)


@pytest.mark.parametrize("kind", [0, 8, 257, -1])
def test_an_unknown_type_is_malformed(kind: int) -> None:
    with pytest.raises(MalformedError) as caught:
        verify(kind, bytes(32), bytes(64), HASH)
    assert caught.value.code == "unknown_signature_type"


@pytest.mark.parametrize("kind", GOOD)
def test_keys_and_signatures_of_another_length_are_malformed(kind: int) -> None:
    owner, signature = GOOD[kind]()
    for pair in ((owner[:-1], signature), (owner, signature + b"\0"), (b"", b"")):
        with pytest.raises(MalformedError) as caught:
            verify(kind, *pair, HASH)
        assert caught.value.code == "bad_key_length"


# Type 1: RSA


@cache
def rsa_key(bits: int) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def rsa_case(key: RSAPrivateKey, salt: int) -> tuple[bytes, bytes]:
    """Return owner and signature of *key*, with zeros in front up to the fixed sizes."""
    signature = key.sign(HASH, PSS(MGF1(SHA256()), salt), SHA256())
    modulus = key.public_key().public_numbers().n
    return modulus.to_bytes(512, "big"), signature.rjust(512, b"\0")


@pytest.mark.parametrize("bits", [1024, 2047])
def test_an_rsa_key_that_is_short_behind_zeros_is_weak(bits: int) -> None:
    with pytest.raises(WeakKeyError):
        verify(1, *rsa_case(rsa_key(bits), 32), HASH)


@pytest.mark.parametrize("modulus", [0, 1, 2**2046 + 1, 2**4095, 2**4096 - 2])
def test_a_modulus_that_is_short_or_even_is_weak(modulus: int) -> None:
    with pytest.raises(WeakKeyError):
        verify(1, modulus.to_bytes(512, "big"), bytes(512), HASH)


def test_a_long_enough_key_signs_with_its_own_length_only() -> None:
    """As OpenSSL, and so every client, has it: the signature is as long as the modulus."""
    refused(1, *rsa_case(rsa_key(2048), 32))


def test_a_modulus_nobody_made_is_just_not_a_key() -> None:
    refused(1, b"\xff" * 512, bytes(512))
    refused(1, b"\xff" * 512, b"\xff" * 512)


@cache
def arweave_key() -> RSAPrivateKey:
    """Return the test wallet's key as the library's own object, which takes any salt length."""
    jwk = orjson.loads(known_wallet(WalletKind.RSA).to_json())
    names = ("p", "q", "d", "dp", "dq", "qi", "n")
    p, q, d, dp, dq, qi, n = (int.from_bytes(b64url_decode(jwk[name]), "big") for name in names)
    return RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(65537, n)).private_key()


@pytest.mark.parametrize("salt", [0, 20, 32, 64, 478])
def test_any_salt_length_holds(salt: int) -> None:
    owner, signature = rsa_case(arweave_key(), salt)
    verify(1, owner, signature, HASH)


# Types 2, 4, 5, 6: ed25519

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
L = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Add two points of the curve -x² + y² = 1 + dx²y² (RFC 8032)."""
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P


def multiply(point: Point, factor: int) -> Point:
    total = (0, 1)
    for bit in f"{factor:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def point_of(y: int) -> Point | None:
    """Return a point with this y, if the curve has one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x: int = pow(square, (P + 3) // 8, P)
    for root in (x, x * pow(2, (P - 1) // 4, P) % P):
        if root * root % P == square:
            return root, y
    return None


@cache
def small_order_keys() -> tuple[bytes, ...]:
    """Return every spelling of every point whose order divides 8, from the curve's equation."""
    generator = next(
        torsion
        for y in range(2, 100)
        if (point := point_of(y)) and multiply(torsion := multiply(point, L), 4) != (0, 1)
    )
    ys = {multiply(generator, factor)[1] for factor in range(8)}
    assert len(ys) == 5
    spelled = ys | {y + P for y in ys if y + P < 2**255}
    return tuple(
        (y | sign << 255).to_bytes(32, "little") for y in sorted(spelled) for sign in (0, 1)
    )


@pytest.mark.parametrize("index", range(14))
@pytest.mark.parametrize("kind", [2, 4, 5])
def test_a_key_of_small_order_is_weak_in_every_spelling(index: int, kind: int) -> None:
    assert len(small_order_keys()) == 14
    identity = (1).to_bytes(32, "little")
    with pytest.raises(WeakKeyError):
        verify(kind, small_order_keys()[index], identity + bytes(32), HASH)


def test_an_s_beyond_the_order_is_not_a_second_signature() -> None:
    signature = ED25519_KEYS[0].sign(HASH)
    s = int.from_bytes(signature[32:], "little") + L
    refused(2, ED25519_OWNER, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize(
    ("threshold", "marked"), [(0, (5,)), (1, (31,)), (2, (0, 1)), (2, (7, 8, 9)), (32, range(32))]
)
def test_as_many_signatures_as_the_threshold_hold(threshold: int, marked: tuple[int, ...]) -> None:
    verify(6, multi_owner(threshold), multi_signature(*marked), HASH)


@pytest.mark.parametrize(
    ("threshold", "marked"), [(0, ()), (1, ()), (2, (3,)), (32, range(31)), (33, range(32))]
)
def test_fewer_signatures_than_the_threshold_do_not_hold(
    threshold: int, marked: tuple[int, ...]
) -> None:
    refused(6, multi_owner(threshold), multi_signature(*marked))


def test_every_marked_slot_must_hold() -> None:
    refused(6, multi_owner(1), multi_signature(0, bitmap=0xC0000000))
    signature = multi_signature(0, 1)
    refused(6, multi_owner(1), flipped(signature, 64))


def test_a_signature_in_the_slot_of_another_key_does_not_hold() -> None:
    signature = ED25519_KEYS[0].sign(HASH)
    refused(6, multi_owner(1), bytes(64) + signature + bytes(30 * 64) + b"\x40\0\0\0")


def test_a_marked_slot_without_a_key_is_weak() -> None:
    owner = multi_owner(1)[: 3 * 32].ljust(1024, b"\0") + b"\1"
    with pytest.raises(WeakKeyError):
        verify(6, owner, multi_signature(0, 5), HASH)


# Types 3 and 7: Ethereum


@pytest.mark.parametrize("kind", [3, 7])
def test_a_signature_has_two_forms_and_each_knows_the_other(kind: int) -> None:
    owner, signature = GOOD[kind]()
    holding = [v for v in range(256) if holds(kind, owner, with_v(signature, v))]
    assert holding == [signature[64] - 27, signature[64]]
    for v, other in (holding, holding[::-1]):
        assert twin_of(kind, with_v(signature, v)) == with_v(signature, other)


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {3, 7}))
def test_every_other_signature_has_one_form(kind: int) -> None:
    assert twin_of(kind, GOOD[kind]()[1]) is None


def test_the_upper_half_of_s_does_not_hold() -> None:
    owner, signature = GOOD[3]()
    refused(3, owner, other_s(signature, v=27))
    refused(3, owner, other_s(signature, v=28))


@pytest.mark.parametrize("scalar", [0, CURVE_ORDER, 2**256 - 1])
def test_r_and_s_must_be_in_range(scalar: int) -> None:
    for kind in (3, 7):
        owner, signature = GOOD[kind]()
        raw = scalar.to_bytes(32, "big")
        refused(kind, owner, raw + signature[32:])
        refused(kind, owner, signature[:32] + raw + signature[64:])


def test_short_r_and_s_are_read_as_numbers() -> None:
    """One signature in 256 has an r that begins with a zero byte; DER has no room for it."""
    signed = (
        (n.to_bytes(48, "big"), ethereum_signature(personal_digest(n.to_bytes(48, "big"))))
        for n in range(2_000)
    )
    hash_, signature = next(each for each in signed if each[1][0] == 0)
    verify(3, POINT, signature, hash_)


@pytest.mark.parametrize("prefix", [0, 2, 3, 5, 6, 7])
def test_a_point_in_another_form_is_not_an_owner(prefix: int) -> None:
    owner, signature = GOOD[3]()
    refused(3, bytes((prefix,)) + owner[1:], signature)


def test_a_point_off_the_curve_is_not_an_owner() -> None:
    owner, signature = GOOD[3]()
    refused(3, flipped(owner, 64), signature)


def with_v(signature: bytes, v: int) -> bytes:
    return signature[:64] + bytes((v,))


def test_the_upper_half_of_s_does_not_hold_for_typed_data() -> None:
    owner, signature = GOOD[7]()
    for v in (0, 1, 27, 28):
        refused(7, owner, other_s(signature, v=v))


def test_typed_data_holds_for_either_case_of_the_address() -> None:
    verify(7, b"0x" + ADDRESS[2:].upper(), typed_signature(), HASH)


@pytest.mark.parametrize(
    "owner", [b"0X" + ADDRESS[2:], b"xx" + ADDRESS[2:], ADDRESS[:-1] + b"g", b"\xff" * 42]
)
def test_text_that_is_no_address_is_not_an_owner(owner: bytes) -> None:
    refused(7, owner, typed_signature())


def test_typed_data_of_another_address_does_not_hold() -> None:
    refused(7, b"0x" + b"1" * 40, typed_signature())
