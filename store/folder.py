"""The names inside a data folder, in one place, and the making of private folders and files.

May live here: paths and permissions. Must not: reading or writing what the files hold.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from seriatim.formats.errors import StoreError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class DataFolder:
    """Where one node keeps everything that it must not lose.

    Attributes:
        path: the folder itself.
        log: the LMDB environment, a folder; see ``environment.py``.
        lock: the lock file of the running node; see ``lock.py``.
        wallet: the node's key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.lock = path / "node.lock"
        self.wallet = path / "wallet.json"

    def create(self) -> None:
        """Make the folder where it does not exist yet, open to its owner only.

        Raises:
            StoreError: it cannot be made.
        """
        create_private_folder(self.path)


def create_private_folder(path: Path) -> None:
    """Make *path* and its missing parents, durably, and take it away from group and others.

    Raises:
        StoreError: it cannot be made, or belongs to somebody else.
    """
    try:
        for folder in (*reversed(path.parents), path):
            if not folder.exists():
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                sync_folder(folder.parent)
        # The mode given to mkdir passes through the umask, and the folder may be an old one.
        path.chmod(FOLDER_MODE)
    except OSError as error:
        raise StoreError(f"{path} cannot be made a data folder: {error.strerror}") from error


def create_private_file(path: Path) -> None:
    """Make *path* an empty file, or leave its content; either way only its owner may open it.

    An existing file is never opened here: closing any descriptor of LMDB's lock file would drop
    the locks that this OS process holds on it.

    Raises:
        OSError: the file system refuses.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        os.close(os.open(path, flags, FILE_MODE))
    except FileExistsError:
        pass
    path.chmod(FILE_MODE)


def sync_folder(path: Path) -> None:
    """Make the names inside *path* durable; syncing a new file does not do that.

    Raises:
        OSError: the file system refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
