"""The node's wallet file: read, or made the first time it is needed; for its owner's eyes only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seriatim.actors.new_file import new_file
from seriatim.actors.offline import open_offline
from seriatim.actors.private_file import read_private
from seriatim.formats.errors import StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet, generate, wallet_from_json
from seriatim.store.folder import FILE_MODE, DataFolder


def read_wallet(path: Path, *, is_private: bool = False) -> Wallet:
    """Return the wallet in the file *path*.

    Args:
        path: the file; no symbolic link.
        is_private: refuse a file that others than its owner may read or write. Without it such
            a file gets a warning: whoever names a file knows where it lies.

    Raises:
        StoreError: there is no such file, or others may open it and it has to be private.
        FormatError: it holds no wallet.
        WeakKeyError: its key is too weak.
    """
    return wallet_from_json(read_private(path, "wallet", is_private=is_private))


def folder_wallet(path: Path, *, on_making: Callable[[Path], None]) -> Wallet:
    """Return the wallet of the data folder *path*; make both the first time one is needed.

    Of several that make it at once all get the wallet of the first. A folder with logs that a
    wallet has signed gets no other one: who checks them would find two schedulers.

    Args:
        path: the data folder.
        on_making: told the file's name before an RSA-4096 key is made, which takes seconds.

    Raises:
        StoreError: *path* is no folder, or its wallet is lost.
        StoreError, FormatError, WeakKeyError: as for `read_wallet` and `create_wallet`.
    """
    folder = DataFolder(path)
    if folder.wallet.exists():
        return read_wallet(folder.wallet, is_private=True)
    folder.create()
    if not path.is_dir():
        raise StoreError(f"{path} is not a folder")
    _check_nothing_signed(folder)
    on_making(folder.wallet)
    try:
        return create_wallet(folder.wallet, WalletKind.RSA)
    except StoreError:
        if not folder.wallet.exists():
            raise
        return read_wallet(folder.wallet, is_private=True)


def _check_nothing_signed(folder: DataFolder) -> None:
    if not folder.log.exists():
        return
    with open_offline(folder.path) as logs:
        for process, head in logs.processes():
            if head.variant.signed and logs.followed_from(process) is None:
                raise StoreError(
                    f"process {encode_id(process)} is signed by a wallet, and {folder.wallet} is "
                    "not there: put it back, or name the wallet with --wallet"
                )


def create_wallet(path: Path, kind: WalletKind) -> Wallet:
    """Make a wallet of *kind*, write it durably to the new file *path* (0600), and return it.

    Making an RSA key takes seconds: keep it off the event loop.

    Raises:
        StoreError: the file exists, or cannot be written.
    """
    wallet = generate(kind)
    try:
        # Never in the place of another one: that would put an old key out of the world.
        with new_file(path, mode=FILE_MODE, may_replace=False) as file:
            file.write(wallet.to_json())
    except OSError as error:
        raise StoreError(f"wallet {path} cannot be made: {error.strerror}") from error
    return wallet
