"""The lock on a data folder: one node at a time, and a way to find the one that runs.

LMDB alone would let two nodes write the same folder in turn. The lock is the kernel's
(``flock``), so a dead node never holds it; the content of the file only tells people and the
command line who does.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Final, NamedTuple

from seriatim.formats.errors import StoreError, StoreLockedError
from seriatim.store.folder import FILE_MODE, create_private_folder

_CONTENT_BYTES: Final = 1024
_UNKNOWN_PID: Final = 0


class LockHolder(NamedTuple):
    """The node that holds a data folder.

    Attributes:
        pid: its process id, in the sense of the operating system.
        url: where it serves; ``None`` until it has announced that.
        started_ms: when it took the lock, Unix milliseconds.
    """

    pid: int
    url: str | None
    started_ms: int


class FolderLock:
    """The held lock; let go by `release`, or by the end of the OS process.

    An OS process that inherits the descriptor (`fileno`) shares the lock: a node hands it to
    the child that writes for it, so that the folder stays locked while either of them lives.
    """

    def __init__(self, descriptor: int, holder: LockHolder) -> None:
        """Take over *descriptor*, already locked; use `acquire`."""
        self._descriptor = descriptor
        self._holder = holder

    @classmethod
    def acquire(cls, path: Path, *, pid: int, started_ms: int) -> FolderLock:
        """Lock *path*, `DataFolder.lock`, at once or not at all.

        Args:
            path: the lock file; made, with its folder, where missing.
            pid: this OS process.
            started_ms: now, Unix milliseconds.

        Raises:
            StoreLockedError: another node holds it. Its ``pid`` is 0 in the moment before that
                node has written its own down.
            StoreError: the file cannot be opened or locked.
        """
        create_private_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, FILE_MODE)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
        lock = cls(descriptor, LockHolder(pid, None, started_ms))
        try:
            os.fchmod(descriptor, FILE_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock._write()
        except BlockingIOError:
            other = _read(descriptor) or LockHolder(_UNKNOWN_PID, None, 0)
            lock.release()
            raise StoreLockedError(str(path), pid=other.pid, url=other.url) from None
        except OSError as error:
            lock.release()
            raise StoreError(f"{path} cannot be locked: {error.strerror}") from error
        return lock

    def announce(self, url: str) -> None:
        """Write down that the node serves *url*.

        Raises:
            StoreError: the file cannot be written, or *url* is too long for it.
        """
        self._holder = self._holder._replace(url=url)
        try:
            self._write()
        except OSError as error:
            raise StoreError(f"the lock file cannot be written: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor, for ``pass_fds`` of a child that writes on this node's behalf."""
        return self._descriptor

    def release(self) -> None:
        """Let go. Idempotent.

        Closes the descriptor and does not unlock it: an unlock would also end the share of a
        child that still writes.
        """
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self) -> None:
        pid, url, started_ms = self._holder
        content = json.dumps({"pid": pid, "url": url, "started": started_ms}).encode()
        if len(content) >= _CONTENT_BYTES:
            raise StoreError(f"a url of {len(url or '')} characters is too long to announce")
        # One write of a fixed size: a reader sees the old content or the new, never a mixture.
        os.pwrite(self._descriptor, content.ljust(_CONTENT_BYTES - 1) + b"\n", 0)


def holder(path: Path) -> LockHolder | None:
    """Return the running node that holds the lock file *path*, or ``None``.

    Raises:
        StoreError: the file is there and cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        found = _read(descriptor)
        # A pid that is gone settles it. Only for one that lives is the lock itself asked:
        # asking takes it for a moment, and must not stand in the way of a node that starts.
        if found is None or not is_alive(found.pid) or _is_free(descriptor):
            return None
        return found
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> LockHolder | None:
    try:
        content = json.loads(os.pread(descriptor, _CONTENT_BYTES, 0))
        pid, url, started_ms = content["pid"], content["url"], content["started"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (isinstance(pid, int) and pid > 0 and isinstance(started_ms, int)):
        return None
    return LockHolder(pid, url if isinstance(url, str) else None, started_ms)


def is_alive(pid: int) -> bool:
    """Tell whether there is an OS process *pid*."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
