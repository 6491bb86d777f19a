"""Taking the lock of a data folder: for a node, or for a follower."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from seriatim.formats.errors import StoreLockedError
from seriatim.formats.limits import ORPHAN_LOCK_WAIT_MS
from seriatim.store.folder import DataFolder
from seriatim.store.lock import FolderLock, is_alive

_LOCK_RETRY_MS: Final = 20


async def acquire_lock(folder: DataFolder, *, started_ms: int) -> FolderLock:
    """Return the folder's lock, waiting a moment for the child of a node that was killed.

    Args:
        folder: the data folder; it is there.
        started_ms: now, Unix milliseconds.

    Raises:
        StoreLockedError: a living node or follower holds it.
        StoreError: it cannot be locked.
    """
    waited_ms = 0
    while True:
        try:
            return FolderLock.acquire(folder.lock, pid=os.getpid(), started_ms=started_ms)
        except StoreLockedError as error:
            if is_alive(error.pid) or waited_ms >= ORPHAN_LOCK_WAIT_MS:
                raise
        await asyncio.sleep(_LOCK_RETRY_MS / 1000)
        waited_ms += _LOCK_RETRY_MS
