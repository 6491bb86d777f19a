"""A data folder that no node runs on, opened to write: by a follower, or by who imports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from seriatim.actors.lock import acquire_lock
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder


@asynccontextmanager
async def open_alone(path: Path, *, now_ms: int) -> AsyncIterator[Environment]:
    """Open the store of the data folder *path*, made where it is missing; no node starts meanwhile.

    Args:
        path: the folder.
        now_ms: Unix milliseconds, for the lock.

    Raises:
        StoreLockedError: a node runs on the folder, or somebody else writes to it.
        StoreError: the folder cannot be used.
    """
    folder = DataFolder(path)
    folder.create()
    lock = await acquire_lock(folder, started_ms=now_ms)
    try:
        environment = Environment.open_writer(folder.log)
        try:
            yield environment
        finally:
            environment.close()
    finally:
        lock.release()
