"""Hot copies of a store: all that is durable at one moment, whole, while its writer goes on.

LMDB writes the copy into a pipe. So it can be told how far it is, and stopped on the way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from seriatim.formats.errors import StoreError
from seriatim.store.environment import Environment
from seriatim.store.folder import FILE_MODE, NEW_FILE, create_private_folder, sync_folder

_PIECE_BYTES: Final = 1 << 20


def copy_store(source: Path, into: Path, *, on_bytes: Callable[[int, int], object]) -> int:
    """Copy the store in the folder *source* into the new folder *into*, durably.

    A read transaction is open for as long as it takes: the writer uses no page again that was in
    use when it began.

    Args:
        source: the folder of an environment, `DataFolder.log`; a writer may have it open.
        into: made here; there is no store in it.
        on_bytes: told how many bytes are written, and how many there will be, about.

    Returns:
        The size of the copy in bytes.

    Raises:
        StoreError: there is no store, or it cannot be read, or the copy not be written.
    """
    environment = Environment.open_reader(source)
    try:
        create_private_folder(into)
        size_bytes = _copy(environment, into / "data.mdb", on_bytes)
        sync_folder(into)
    except OSError as error:
        raise StoreError(f"the copy in {into} cannot be written: {error.strerror}") from error
    finally:
        environment.close()
    return size_bytes


def _copy(environment: Environment, file_path: Path, on_bytes: Callable[[int, int], object]) -> int:
    expected_bytes = environment.used_bytes()
    written_bytes = 0
    reading, writing = os.pipe2(os.O_CLOEXEC)

    def write() -> None:
        try:
            environment.copy(writing)
        finally:
            os.close(writing)

    # In this order: where the file cannot be written, the pipe is closed, and that ends the thread.
    with ThreadPoolExecutor(1, "copy") as pool, os.fdopen(reading, "rb", 0) as pipe:
        copied = pool.submit(write)
        descriptor = os.open(file_path, NEW_FILE, FILE_MODE)
        with os.fdopen(descriptor, "wb", 0) as file:
            while piece := pipe.read(_PIECE_BYTES):
                left = memoryview(piece)
                while left:
                    left = left[file.write(left) :]
                written_bytes += len(piece)
                on_bytes(written_bytes, max(expected_bytes, written_bytes))
            copied.result()
            os.fsync(descriptor)
    return written_bytes
