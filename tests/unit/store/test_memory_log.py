"""`MemoryLog` keeps the contract of every log."""

from __future__ import annotations

from pathlib import Path

from seriatim.store.log import Log
from seriatim.store.memory_log import MemoryLog
from tests.conformance.contracts.log import LogContract


class TestMemoryLog(LogContract):
    """The contract, in memory."""

    def open(self, folder: Path) -> Log:  # needs no folder
        """Return an empty log."""
        return MemoryLog()
