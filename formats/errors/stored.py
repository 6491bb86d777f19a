"""Errors of the data folder."""

from __future__ import annotations

from seriatim.formats.errors.base import SchedulerError


class StoreError(SchedulerError):
    """The data folder cannot be used as it is."""

    code = "store"


class StoreLockedError(StoreError):
    """Another node holds the data folder."""

    code = "store_locked"

    def __init__(self, path: str, *, pid: int, url: str | None = None) -> None:
        self.path = path
        self.pid = pid
        self.url = url
        where = f", serving {url}" if url else ""
        super().__init__(f"{path} is in use by the node with pid {pid}{where}; stop it first")


class StoreVersionError(StoreError):
    """The data folder was written by a newer seriatim."""

    code = "store_version"

    def __init__(self, path: str, *, found: int, supported: int) -> None:
        self.found = found
        self.supported = supported
        super().__init__(
            f"{path} has store format {found}, this seriatim reads up to {supported}; "
            "install a newer seriatim"
        )


class CorruptRecordError(StoreError):
    """A stored record's checksum does not match its bytes."""

    code = "corrupt_record"

    def __init__(self, *, process: str, slot: int, reason: str) -> None:
        self.process = process
        self.slot = slot
        super().__init__(f"process {process}, slot {slot}: {reason}")
