"""Backing up a data folder, while a node runs on it or none does, into one to start a node on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seriatim.actors.new_file import new_file
from seriatim.actors.new_folder import new_folder
from seriatim.actors.offline import open_offline
from seriatim.actors.private_file import read_private
from seriatim.store.backup import copy_store
from seriatim.store.folder import FILE_MODE, DataFolder, create_private_folder

if TYPE_CHECKING:
    from seriatim.formats.schedule.record import Head


class Backup(NamedTuple):
    """What is in a backup.

    Attributes:
        size_bytes: of its store.
        has_wallet: whether the folder's wallet is in it; a node may have one from elsewhere.
        heads: where each process ends, by its id (32 raw bytes).
    """

    size_bytes: int
    has_wallet: bool
    heads: Sequence[tuple[bytes, Head]]


def back_up(path: Path, to: Path, *, on_bytes: Callable[[int, int], object]) -> Backup:
    """Copy the data folder *path* to *to*, which is there when it is whole, and not before.

    What is copied: the store as it is at one moment, the wallet, and the evidence of followers.
    What is not: what says who runs there (the lock), what is worth nothing later (beats), and the
    operator's token: each folder has its own.

    Args:
        path: the data folder; a node may run on it.
        to: not there yet, or an empty folder.
        on_bytes: see `copy_store`.

    Raises:
        StoreError: there is no store in *path*, or one of the two folders cannot be used.
    """
    source = DataFolder(path)
    with new_folder(to) as partial:
        made = DataFolder(partial)
        size_bytes = copy_store(source.log, made.log, on_bytes=on_bytes)
        has_wallet = source.wallet.exists()
        if has_wallet:
            _copy_private(source.wallet, made.wallet, "wallet")
        if source.evidence.is_dir():
            create_private_folder(made.evidence)
            for file in sorted(source.evidence.glob("[!.]*.json")):
                _copy_private(file, made.evidence / file.name, "evidence")
        with open_offline(partial) as folder:
            heads = list(folder.processes())
    return Backup(size_bytes, has_wallet, heads)


def _copy_private(source: Path, to: Path, what: str) -> None:
    raw = read_private(source, what, is_private=False)
    with new_file(to, mode=FILE_MODE, may_replace=False) as file:
        file.write(raw)
