"""Folders that are there when they are whole and durable, and not before; see ``new_file.py``."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seriatim.formats.errors import StoreError
from seriatim.store.folder import FOLDER_MODE, create_private_folder, sync_folder


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder, open to its owner only; at the end of the block it is *path*, durably.

    Until then it lies beside *path*, under a name that says so. What is put into it has to be
    durable itself. What a killed one has left there makes room for the next.

    Raises:
        StoreError: *path* is there and not an empty folder, a link to one included, or cannot be
            made; or somebody is making it.
    """
    try:
        path = path.absolute()
        _check_free(path)
        create_private_folder(path.parent)
        partial = path.with_name(f".{path.name}.partial")
        descriptor = _take(partial)
        try:
            _clear(partial)
            yield partial
            sync_folder(partial)
            partial.rename(path)  # in the place of an empty folder, too, and of no other one
            sync_folder(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from error


def _check_free(path: Path) -> None:
    is_link = path.is_symlink()
    if path.is_dir() and not is_link and not any(path.iterdir()):
        return
    if is_link or path.exists():
        raise StoreError(f"{path} is there already, and no empty folder; name another one")


def _take(partial: Path) -> int:
    """Make the folder *partial*, or find it; return its descriptor, which has it locked."""
    partial.mkdir(mode=FOLDER_MODE, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it locked may have given it its name, or removed it, in between.
        if not os.path.samestat(os.fstat(descriptor), partial.stat()):
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError) as error:
        os.close(descriptor)
        raise StoreError(f"{partial} is being made by somebody else at this moment") from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _clear(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
