"""Files that are there when they are whole and durable, and not before."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seriatim.store.folder import NEW_FILE, sync_folder


@contextmanager
def new_file(path: Path, *, mode: int, may_replace: bool) -> Iterator[BinaryIO]:
    """Give an empty file to write; at the end of the block it is *path*, durably.

    Until then it lies beside *path*. A block that fails leaves what was there before.

    Args:
        path: its name; a symbolic link is a name like any other, and is not followed.
        mode: its permissions, of which the umask takes some.
        may_replace: put it in the place of the file that has the name already.

    Raises:
        FileExistsError: *path* is there and must not be replaced.
        OSError: it cannot be written; the error names *path*.
    """
    with naming(path):
        if not path.name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        partial = path.with_name(f".{path.name}.{os.getpid()}.new")
        descriptor = os.open(partial, NEW_FILE, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if may_replace:
                partial.replace(path)
            else:
                os.link(partial, path)  # fails where the name is taken
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have each `OSError` of the block name *path*: that is the file which the user knows."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
