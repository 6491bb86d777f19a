"""A folder has one wallet, whoever comes first."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import seriatim
from seriatim.actors import keyring
from seriatim.actors.keyring import create_wallet, folder_wallet, read_wallet
from seriatim.formats.errors import StoreError
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from tests.support.strategies import known_wallet

OURS = known_wallet(WalletKind.ED25519)
THEIRS = known_wallet(WalletKind.SECP256K1)


def no_word(path: Path) -> None:
    assert path.name == "wallet.json"


def test_a_folder_keeps_the_wallet_that_was_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "generate", lambda kind: OURS)
    data = tmp_path / "data"
    assert folder_wallet(data, on_making=no_word).address == OURS.address
    monkeypatch.setattr(keyring, "generate", lambda kind: THEIRS)
    assert folder_wallet(data, on_making=no_word).address == OURS.address
    assert [path.name for path in data.iterdir()] == ["wallet.json"]
    assert stat.S_IMODE((data / "wallet.json").stat().st_mode) == 0o600


def test_of_two_first_starts_both_use_the_wallet_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(kind: WalletKind) -> Wallet:
        """Take so long that somebody else is there first."""
        monkeypatch.setattr(keyring, "generate", lambda kind: THEIRS)
        create_wallet(tmp_path / "wallet.json", kind)
        return OURS

    monkeypatch.setattr(keyring, "generate", generate)
    assert folder_wallet(tmp_path, on_making=no_word).address == THEIRS.address
    assert read_wallet(tmp_path / "wallet.json").address == THEIRS.address


def test_a_folder_that_takes_no_wallet_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(kind: WalletKind) -> Wallet:
        tmp_path.rmdir()
        return OURS

    monkeypatch.setattr(keyring, "generate", generate)
    with pytest.raises(StoreError, match="cannot be made: No such file"):
        folder_wallet(tmp_path, on_making=no_word)


def test_no_second_wallet_goes_on_with_what_a_lost_one_has_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "generate", lambda kind: OURS)
    with seriatim.open_blocking(tmp_path, wallet=THEIRS) as node:
        node.spawn({"name": "unsigned"})
    wallet = folder_wallet(tmp_path, on_making=no_word)
    assert wallet.address == OURS.address, "nothing there is signed"
    with seriatim.open_blocking(tmp_path, wallet=wallet) as node:
        node.spawn({"name": "signed"}, variant="ao.N.1")
    (tmp_path / "wallet.json").rename(tmp_path / "lost")
    with pytest.raises(StoreError, match="put it back"):
        folder_wallet(tmp_path, on_making=no_word)
    assert not (tmp_path / "wallet.json").exists()
