"""Wallets: to JSON and back, what is refused, and that secrets stay where they are."""

from __future__ import annotations

import traceback
from hashlib import sha256

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from seriatim.formats.errors import MalformedError, SchedulerError, WeakKeyError
from seriatim.formats.ids import b64url, b64url_decode, encode_id
from seriatim.formats.signing.scheme import SCHEMES, SignatureType, WalletKind
from seriatim.formats.signing.verify import verify
from seriatim.formats.signing.wallet import Wallet, generate, wallet_from_json
from tests.support.strategies import KEYS, known_wallet

HASH = bytes(range(48))
TYPES = {
    WalletKind.RSA: SignatureType.ARWEAVE,
    WalletKind.ED25519: SignatureType.ED25519,
    WalletKind.SECP256K1: SignatureType.ETHEREUM,
}
SECRETS = {"d", "p", "q", "dp", "dq", "qi"}


def fields_of(kind: WalletKind) -> dict[str, str]:
    fields: dict[str, str] = orjson.loads(known_wallet(kind).to_json())
    return fields


def number_text(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


@pytest.fixture(params=WalletKind)
def kind(request: pytest.FixtureRequest) -> WalletKind:
    return WalletKind(request.param)


def check(wallet: Wallet, kind: WalletKind) -> None:
    """Assert everything that a wallet promises."""
    assert wallet.signature_type == TYPES[kind]
    scheme = SCHEMES[wallet.signature_type]
    signature = wallet.sign(HASH)
    assert (len(signature), len(wallet.owner)) == scheme
    assert wallet.address == sha256(wallet.owner).digest()
    verify(wallet.signature_type, wallet.owner, signature, HASH)


def test_a_known_wallet_keeps_its_promises(kind: WalletKind) -> None:
    check(known_wallet(kind), kind)


def test_a_new_wallet_keeps_its_promises_and_is_new(kind: WalletKind) -> None:
    wallet = generate(kind)
    check(wallet, kind)
    assert wallet.owner != known_wallet(kind).owner


def test_a_wallet_comes_back_from_its_json(kind: WalletKind) -> None:
    wallet = known_wallet(kind)
    again = wallet_from_json(wallet.to_json())
    assert again.owner == wallet.owner
    assert again.to_json() == wallet.to_json()
    check(again, kind)


def test_an_arweave_wallet_file_comes_back_with_the_same_fields() -> None:
    file = (KEYS / "test-only-arweave-user.jwk.json").read_bytes()
    assert orjson.loads(wallet_from_json(file).to_json()) == orjson.loads(file)
    assert encode_id(wallet_from_json(file).address) == (
        "P0TxYwNQx-PVH-qIF61VX3eOxb8rysHVWr_RkpSWwG0"
    )


def test_the_public_json_is_the_key_without_its_secrets(kind: WalletKind) -> None:
    whole = fields_of(kind)
    public = orjson.loads(known_wallet(kind).public_json())
    assert public == {name: whole[name] for name in whole.keys() - SECRETS}
    assert "kty" in public


def test_ethereum_signatures_have_low_s_and_v_27_or_28() -> None:
    wallet = known_wallet(WalletKind.SECP256K1)
    half = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141 // 2
    seen = set()
    for n in range(32):
        signature = wallet.sign(n.to_bytes(48, "big"))
        assert int.from_bytes(signature[32:64], "big") <= half
        seen.add(signature[64])
    assert seen == {27, 28}


def test_rsa_signatures_differ_and_the_others_do_not() -> None:
    differs = {
        kind: known_wallet(kind).sign(HASH) != known_wallet(kind).sign(HASH) for kind in TYPES
    }
    assert differs == {
        WalletKind.RSA: True,
        WalletKind.ED25519: False,
        WalletKind.SECP256K1: False,
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"RSA"',
        b"\xff",
        b"{}",
        b'{"kty":"RSA"}',
        b'{"kty":"oct","k":"AA"}',
        b'{"kty":"EC","crv":"P-256","d":"AA"}',
        b'{"kty":"OKP","crv":"X25519","d":"AA"}',
        b'{"kty":["RSA"]}',
        b"[" * 5_000,
    ],
)
def test_what_is_no_key_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        wallet_from_json(raw)
    assert caught.value.code == "bad_wallet"


def test_a_key_without_one_of_its_parts_is_refused(kind: WalletKind) -> None:
    whole = fields_of(kind)
    for name in whole:
        for bad in (None, 5, "*", "AA=="):
            with pytest.raises(MalformedError) as caught:
                wallet_from_json(orjson.dumps(whole | {name: bad}))
            assert caught.value.code == "bad_wallet"


def damaged_keys() -> list[dict[str, str]]:
    rsa, ed25519, secp256k1 = (fields_of(kind) for kind in WalletKind)
    other = orjson.loads((KEYS / "test-only-arweave-user2.jwk.json").read_bytes())
    swapped = [rsa | {name: other[name]} for name in ("n", "d", "p", "dp", "qi")]
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    return [
        *swapped,
        ed25519 | {"x": b64url(bytes(32))},
        ed25519 | {"d": b64url(b"\1" * 32)},
        ed25519 | {"d": b64url(b"\1" * 31)},
        secp256k1 | {"y": secp256k1["x"]},
        secp256k1 | {"d": b64url(b"\1" * 32)},
        secp256k1 | {"d": b64url(bytes(32))},
        secp256k1 | {"d": b64url(order.to_bytes(32, "big"))},
        secp256k1 | {"d": b64url(b"\1" * 33)},
    ]


@pytest.mark.parametrize("index", range(len(damaged_keys())))
def test_parts_that_do_not_belong_together_are_refused_without_showing_them(index: int) -> None:
    fields = damaged_keys()[index]
    with pytest.raises(MalformedError) as caught:
        wallet_from_json(orjson.dumps(fields))
    assert caught.value.code == "bad_wallet"
    assert_hidden(caught.value, fields)


def assert_hidden(error: SchedulerError, fields: dict[str, str]) -> None:
    """Assert that neither the error nor anything that hangs on it holds a private part."""
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    for name in SECRETS & fields.keys():
        assert fields[name] not in shown
        # A key of zero hides nothing, and "0" stands in many a path and line number.
        number = int.from_bytes(b64url_decode(fields[name]), "big")
        assert number == 0 or str(number) not in shown


def test_text_that_is_almost_json_is_refused_without_showing_it(kind: WalletKind) -> None:
    fields = fields_of(kind)
    with pytest.raises(MalformedError) as caught:
        wallet_from_json(orjson.dumps(fields)[:-1])
    assert_hidden(caught.value, fields)


def test_a_wallet_shows_its_address_and_no_secret(kind: WalletKind) -> None:
    wallet = known_wallet(kind)
    assert encode_id(wallet.address) in repr(wallet)
    assert fields_of(kind)["d"] not in repr(wallet) + str(wallet)


def rsa_fields(bits: int, exponent: int) -> dict[str, str]:
    key = generate_private_key(exponent, bits).private_numbers()
    public = key.public_numbers
    numbers = {
        "n": public.n,
        "e": public.e,
        "d": key.d,
        "p": key.p,
        "q": key.q,
        "dp": key.dmp1,
        "dq": key.dmq1,
        "qi": key.iqmp,
    }
    return {"kty": "RSA"} | {name: number_text(number) for name, number in numbers.items()}


@pytest.mark.parametrize(("bits", "exponent"), [(1024, 65537), (2047, 65537), (2048, 3)])
def test_a_weak_rsa_wallet_is_refused(bits: int, exponent: int) -> None:
    fields = rsa_fields(bits, exponent)
    with pytest.raises(WeakKeyError) as caught:
        wallet_from_json(orjson.dumps(fields))
    assert_hidden(caught.value, fields)


def test_an_rsa_wallet_that_does_not_fill_the_owner_is_refused() -> None:
    """Its items would verify nowhere: readers take a signature as long as the modulus."""
    with pytest.raises(MalformedError, match="4096 bits only"):
        wallet_from_json(orjson.dumps(rsa_fields(2048, 65537)))
    oversized = fields_of(WalletKind.RSA) | {"n": number_text(2**4096 + 1)}
    with pytest.raises(MalformedError, match="4096 bits only"):
        wallet_from_json(orjson.dumps(oversized))
