"""The support double keeps the contract while it is not told to fail, and fails as told."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.formats.errors import StoreError
from seriatim.store.log import Log
from seriatim.store.memory_log import MemoryLog
from tests.conformance.contracts.log import LogContract
from tests.support.faulty_log import Fault, FaultyLog
from tests.support.records import make_appends, make_id

P = make_id("process p")


class TestFaultyLog(LogContract):
    """The contract, with no fault ordered."""

    def open(self, folder: Path) -> Log:  # needs no folder
        """Return an empty log."""
        return FaultyLog(MemoryLog())


@pytest.mark.parametrize(
    ("fault", "written"), [(Fault.BEFORE_WRITING, False), (Fault.AFTER_WRITING, True)]
)
def test_a_fault_on_order_happens_once_and_leaves_what_it_says(
    fault: Fault, *, written: bool
) -> None:
    log = FaultyLog(MemoryLog())
    log.fail_next(fault)
    with pytest.raises(StoreError, match="on order"):
        log.append(make_appends(P, [0]))
    assert (log.read(P, 0) is not None) is written
    log.append(make_appends(P, [1 if written else 0]))
