"""The names inside a data folder, in one place, and the making of private folders and files.

May live here: paths and permissions. Must not: reading or writing what the files hold.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from seriatim.formats.errors import StoreError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
"""How a file is opened that nobody else has made, nor a link in its place."""


class DataFolder:
    """Where one node keeps everything that it must not lose.

    Attributes:
        path: the folder itself.
        log: the LMDB environment, a folder; see ``environment.py``.
        beats: what workers have said of themselves last, a folder; see ``beats.py``.
        lock: the lock file of the running node; see ``lock.py``.
        wallet: the node's key.
        evidence: a folder with what followers have found.
        operator_token: what shows that somebody is the node's operator.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.beats = path / "beats"
        self.lock = path / "node.lock"
        self.wallet = path / "wallet.json"
        self.evidence = path / "evidence"
        self.operator_token = path / "operator-token"

    def create(self) -> None:
        """Make the folder where it does not exist yet, open to its owner only.

        Raises:
            StoreError: it cannot be made.
        """
        create_private_folder(self.path)


def create_private_folder(path: Path) -> None:
    """Make *path* and its missing parents, durably, each open to its owner only.

    A folder that is there already keeps its mode: it may be one that others need, such as
    ``/tmp``.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        for folder in (*reversed(path.parents), path):
            if folder.is_dir():
                continue
            with suppress(FileExistsError):  # somebody else may make it at this moment
                folder.mkdir(mode=FOLDER_MODE)
                folder.chmod(FOLDER_MODE)  # the mode given to mkdir passes through the umask
                sync_folder(folder.parent)
            if not folder.is_dir():
                raise StoreError(f"{folder} is not a folder; choose another one")
    except OSError as error:
        raise StoreError(f"{path} cannot be made a data folder: {error.strerror}") from error


def create_private_file(path: Path) -> None:
    """Make *path* an empty file, or leave its content; either way only its owner may open it.

    An existing file is never opened here: closing any descriptor of LMDB's lock file would drop
    the locks that this OS process holds on it.

    Raises:
        OSError: the file system refuses.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, NEW_FILE, FILE_MODE))
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
