"""What a command reads from files and pipes: as much as a node takes, and no more."""

from __future__ import annotations

from typing import BinaryIO

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.limits import BODY_MAX_BYTES


def read_body(file: BinaryIO) -> bytes:
    """Return all of *file*, which may be a pipe without an end.

    Raises:
        LimitExceededError: it has over ``BODY_MAX_BYTES``; no node would take it.
        OSError: it cannot be read.
    """
    try:
        raw = file.read(BODY_MAX_BYTES + 1)
    except OSError as error:  # which names a file only where it could not be opened
        raise OSError(error.errno, error.strerror, file.name) from error
    if len(raw) > BODY_MAX_BYTES:
        raise LimitExceededError("bytes read of a file", given=len(raw), maximum=BODY_MAX_BYTES)
    return raw
