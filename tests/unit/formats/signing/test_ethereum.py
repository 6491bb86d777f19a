"""Ethereum's digests and addresses, against published values."""

from __future__ import annotations

import pytest

from seriatim.formats.errors import BadSignatureError
from seriatim.formats.signing.ethereum import (
    address_of,
    decode_address,
    keccak256,
    personal_digest,
    verify_point,
)
from seriatim.formats.signing.scheme import WalletKind
from tests.support.strategies import known_wallet

# The examples of EIP-55.
CHECKSUMMED = [
    b"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    b"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    b"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    b"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    b"0x52908400098527886E0F7030069857D2E4169EE7",
    b"0xde709f2102306220921060314715629080e2fb77",
]


def test_keccak_is_not_sha3() -> None:
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


def test_a_personal_message_has_its_published_digest() -> None:
    assert personal_digest(b"hello").hex() == (
        "50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750"
    )


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_an_address_is_read_in_one_case_or_with_its_checksum(text: bytes) -> None:
    raw = bytes.fromhex(text[2:].decode())
    assert decode_address(text) == raw
    assert decode_address(text.lower()) == raw
    assert decode_address(b"0x" + text[2:].upper()) == raw


@pytest.mark.parametrize("text", CHECKSUMMED[:4])
def test_an_address_with_another_mix_of_cases_is_refused(text: bytes) -> None:
    with pytest.raises(BadSignatureError):
        decode_address(b"0x" + text[2:].swapcase())


@pytest.mark.parametrize("text", [b"", b"0x", CHECKSUMMED[0][:-1], CHECKSUMMED[0] + b"0"])
def test_an_address_of_another_length_is_refused(text: bytes) -> None:
    with pytest.raises(BadSignatureError):
        decode_address(text)


def test_the_address_of_key_one_is_the_known_one() -> None:
    generator = bytes.fromhex(
        "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    )
    assert address_of(generator).hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


def test_a_wallets_signature_is_checked_against_its_point() -> None:
    wallet = known_wallet(WalletKind.SECP256K1)
    signature = wallet.sign(bytes(48))
    assert verify_point(wallet.owner, signature, personal_digest(bytes(48)))
    assert not verify_point(wallet.owner, signature, personal_digest(bytes(47)))
