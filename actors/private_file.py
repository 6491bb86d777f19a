"""Files that are for their owner's eyes only: keys and tokens. Reading them, and who else can."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import Final

from seriatim.formats.errors import StoreError

_LOG: Final = logging.getLogger("seriatim.actors")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path, what: str, *, is_private: bool) -> bytes:
    """Return all of the file *path*.

    Args:
        path: the file; no symbolic link.
        what: it is, in a word.
        is_private: refuse a file that others than its owner may read or write. Without it such
            a file gets a warning: whoever names a file knows where it lies.

    Raises:
        StoreError: there is no such file, or others may open it and it has to be private.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read()
    except OSError as error:
        raise StoreError(f"{what} {path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        found = f"{what} {path} is open to others (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
        if is_private:
            raise StoreError(found)
        _LOG.warning("%s", found)
    return raw
