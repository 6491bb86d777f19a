"""Wallets: private keys that sign, in memory and as JSON Web Keys.

Keys come from the libraries' own source of randomness: a key made from randomness that was
handed in is only as secret as whoever handed it in. Nothing here opens a file, and no error or
``repr`` shows a part of a private key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Protocol, Self, final

import coincurve
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from seriatim.formats.errors import MalformedError, WeakKeyError
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.limits import RSA_KEY_MAX_BITS, RSA_KEY_MIN_BITS
from seriatim.formats.signing.ethereum import RECOVERY_OFFSET, personal_digest
from seriatim.formats.signing.scheme import SCHEMES, SignatureType, WalletKind
from seriatim.formats.signing.verify import RSA_EXPONENT

_SHA256: Final = SHA256()
_PSS_SALT_32: Final = PSS(MGF1(_SHA256), _SHA256.digest_size)
_SHA512: Final = SHA512()
_PSS_SALT_64: Final = PSS(MGF1(_SHA512), _SHA512.digest_size)
_RSA_PRIVATE_NAMES: Final = ("d", "p", "q", "dp", "dq", "qi")
_RSA_OWNER_BYTES: Final = SCHEMES[SignatureType.ARWEAVE].owner_bytes
_COORDINATE_BYTES: Final = 32


class Wallet(Protocol):
    """A key pair that signs data items."""

    @property
    def signature_type(self) -> int:
        """The ANS-104 signature type, a key of `SCHEMES`."""

    @property
    def owner(self) -> bytes:
        """The public key in the form of its signature type."""

    @property
    def address(self) -> bytes:
        """SHA-256 of `owner`, 32 bytes."""

    def sign(self, signing_hash: bytes) -> bytes:
        """Return the signature over the 48 bytes *signing_hash*, as its type lays it out."""

    def to_json(self) -> bytes:
        """Return the whole key as a JSON Web Key. This is the secret: keep it mode 0600."""

    def public_json(self) -> bytes:
        """Return the public half as a JSON Web Key, for anybody to read."""


class _KeyPair(ABC):
    """What the three kinds share: who they are, and that they do not show their secret."""

    __slots__ = ("_address", "_owner")
    signature_type: int

    def __init__(self, owner: bytes) -> None:
        self._owner = owner
        self._address = sha256(owner).digest()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {encode_id(self._address)}>"

    @property
    def owner(self) -> bytes:
        """The public key in the form of its signature type."""
        return self._owner

    @property
    def address(self) -> bytes:
        """SHA-256 of `owner`, 32 bytes."""
        return self._address

    def to_json(self) -> bytes:
        """Return the whole key, secret included, as a JSON Web Key."""
        return orjson.dumps(self._public_fields() | self._private_fields())

    def public_json(self) -> bytes:
        """Return the public half as a JSON Web Key."""
        return orjson.dumps(self._public_fields())

    @abstractmethod
    def sign(self, signing_hash: bytes) -> bytes:
        """Return the signature over *signing_hash*, in the form of the key's type."""

    @abstractmethod
    def _public_fields(self) -> dict[str, str]: ...

    @abstractmethod
    def _private_fields(self) -> dict[str, str]: ...


@final
class RsaWallet(_KeyPair):
    """An Arweave key: RSA with a modulus of 512 bytes; signs with PSS and a salt of 32 bytes."""

    __slots__ = ("_key",)
    signature_type = SignatureType.ARWEAVE

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        """Take a key whose modulus has 512 bytes."""
        super().__init__(key.public_key().public_numbers().n.to_bytes(_RSA_OWNER_BYTES, "big"))
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Return a new key of `RSA_KEY_MAX_BITS` bits. Takes from tenths of a second to seconds."""
        return cls(rsa.generate_private_key(RSA_EXPONENT, RSA_KEY_MAX_BITS))

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Return the wallet of an ``RSA`` key; see `wallet_from_json`."""
        modulus, exponent = _read_number(fields, "n"), _read_number(fields, "e")
        if modulus.bit_length() < RSA_KEY_MIN_BITS or exponent != RSA_EXPONENT:
            raise WeakKeyError(
                f"an RSA wallet needs {RSA_KEY_MIN_BITS} bits or more and exponent {RSA_EXPONENT}"
            )
        if (modulus.bit_length() + 7) // 8 != _RSA_OWNER_BYTES:
            raise _bad_wallet(f"ANS-104 has room for RSA keys of {RSA_KEY_MAX_BITS} bits only")
        d, p, q, dp, dq, qi = (_read_number(fields, name) for name in _RSA_PRIVATE_NAMES)
        public = rsa.RSAPublicNumbers(exponent, modulus)
        try:
            return cls(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key())
        except ValueError:
            pass  # raised below, where the library's error and what it quotes are out of reach
        raise _bad_wallet("its numbers do not make an RSA key")

    def sign(self, signing_hash: bytes) -> bytes:
        """Return the PSS signature, 512 bytes; another one each time, for its salt is random."""
        return self._key.sign(signing_hash, _PSS_SALT_32, _SHA256)

    def sign_http(self, base: bytes) -> bytes:
        """Return the RSA-PSS-SHA512 signature over *base*, 512 bytes, with a salt of 64 bytes."""
        return self._key.sign(base, _PSS_SALT_64, _SHA512)

    def _public_fields(self) -> dict[str, str]:
        public = self._key.public_key().public_numbers()
        return {"kty": "RSA", "e": _write_number(public.e), "n": _write_number(public.n)}

    def _private_fields(self) -> dict[str, str]:
        key = self._key.private_numbers()
        numbers = (key.d, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
        return dict(zip(_RSA_PRIVATE_NAMES, map(_write_number, numbers), strict=True))


@final
class Ed25519Wallet(_KeyPair):
    """An ed25519 key."""

    __slots__ = ("_key",)
    signature_type = SignatureType.ED25519

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take any key."""
        super().__init__(key.public_key().public_bytes_raw())
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Return the wallet of an ``OKP`` key; see `wallet_from_json`."""
        wallet = cls(Ed25519PrivateKey.from_private_bytes(_read_coordinate(fields, "d")))
        if wallet.owner != _read_coordinate(fields, "x"):
            raise _bad_wallet("its public key is not that of its private key")
        return wallet

    def sign(self, signing_hash: bytes) -> bytes:
        """Return the ed25519 signature, 64 bytes; the same each time."""
        return self._key.sign(signing_hash)

    def _public_fields(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(self._owner)}

    def _private_fields(self) -> dict[str, str]:
        return {"d": b64url(self._key.private_bytes_raw())}


@final
class Secp256k1Wallet(_KeyPair):
    """An Ethereum key; signs ``personal_sign`` texts, with low s and v 27 or 28."""

    __slots__ = ("_key",)
    signature_type = SignatureType.ETHEREUM

    def __init__(self, key: coincurve.PrivateKey) -> None:
        """Take any key."""
        super().__init__(key.public_key.format(compressed=False))
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(coincurve.PrivateKey())

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Return the wallet of an ``EC`` key; see `wallet_from_json`."""
        try:
            wallet = cls(coincurve.PrivateKey(_read_coordinate(fields, "d")))
        except ValueError:
            wallet = None
        if wallet is None:
            raise _bad_wallet("its private key is not in the range of the curve")
        if wallet.owner[1:] != _read_coordinate(fields, "x") + _read_coordinate(fields, "y"):
            raise _bad_wallet("its public key is not that of its private key")
        return wallet

    def sign(self, signing_hash: bytes) -> bytes:
        """Return r ‖ s ‖ v, 65 bytes; the same each time."""
        signature = self._key.sign_recoverable(personal_digest(signing_hash), hasher=None)
        return signature[:64] + bytes((RECOVERY_OFFSET + signature[64],))

    def _public_fields(self) -> dict[str, str]:
        x, y = self._owner[1:33], self._owner[33:]
        return {"kty": "EC", "crv": "secp256k1", "x": b64url(x), "y": b64url(y)}

    def _private_fields(self) -> dict[str, str]:
        return {"d": b64url(self._key.secret)}


_GENERATORS: Final = {
    WalletKind.RSA: RsaWallet.generate,
    WalletKind.ED25519: Ed25519Wallet.generate,
    WalletKind.SECP256K1: Secp256k1Wallet.generate,
}


def generate(kind: WalletKind) -> Wallet:
    """Return a wallet with a new key of *kind*."""
    return _GENERATORS[kind]()


def wallet_from_json(raw: bytes) -> Wallet:
    """Return the wallet of a private JSON Web Key.

    Args:
        raw: the JSON text: ``kty`` ``RSA`` (an Arweave wallet file), ``OKP`` with ``crv``
            ``Ed25519``, or ``EC`` with ``crv`` ``secp256k1``.

    Raises:
        MalformedError: no such key, or its parts do not belong together; code ``bad_wallet``.
        WeakKeyError: an RSA key under `RSA_KEY_MIN_BITS` or with an exponent other than 65537.
    """
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        fields = None
    # Raised outside of `except`: the JSON error would carry the whole text along.
    if not isinstance(fields, dict):
        raise _bad_wallet("it is not a JSON object")
    match fields.get("kty"), fields.get("crv"):
        case "RSA", _:
            return RsaWallet.from_fields(fields)
        case "OKP", "Ed25519":
            return Ed25519Wallet.from_fields(fields)
        case "EC", "secp256k1":
            return Secp256k1Wallet.from_fields(fields)
    raise _bad_wallet("kty and crv name no RSA, Ed25519 or secp256k1 key")


def _read_bytes(fields: Mapping[str, object], name: str) -> bytes:
    text = fields.get(name)
    if isinstance(text, str):
        try:
            return b64url_decode(text)
        except MalformedError:
            pass
    raise _bad_wallet(f"{name!r} is not base64url text")


def _read_number(fields: Mapping[str, object], name: str) -> int:
    return int.from_bytes(_read_bytes(fields, name), "big")


def _read_coordinate(fields: Mapping[str, object], name: str) -> bytes:
    coordinate = _read_bytes(fields, name)
    if len(coordinate) != _COORDINATE_BYTES:
        raise _bad_wallet(f"{name!r} does not have {_COORDINATE_BYTES} bytes")
    return coordinate


def _write_number(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _bad_wallet(reason: str) -> MalformedError:
    return MalformedError(f"not a wallet: {reason}", code="bad_wallet")
