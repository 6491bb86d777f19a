"""What a log says itself about slots that cannot be computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.folds.failure import FAILURE_TYPE, read_failure
from seriatim.formats.folds.run import Result
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.store.log import Log


class Said:
    """What a log says about slots that are not run: those that never end, and who says so."""

    def __init__(self, log: Log, process: bytes) -> None:
        """Look through the log of *process*."""
        self._log = log
        self._process = process
        self._results: dict[int, Result] = {}
        self._seen = range(0)

    def look(self, first: int, last: int) -> None:
        """Know what is said about the slots from *first* to *last*, both inclusive.

        That may be said anywhere behind them, so the log is looked through to its end.
        """
        head = self._log.head(self._process)
        end = last + 1 if head is None else head.slot + 1
        seen = self._seen
        if seen and seen.start <= first and end <= seen.stop:
            return
        parts = [(first, end)] if not seen else [(first, seen.start), (seen.stop, end)]
        for begin, stop in parts:
            for slot, record in self._log.read_range(self._process, begin, stop - 1):
                self._take(slot, record)
        self._seen = range(min([first, *seen[:1]]), end)

    def result(self, slot: int) -> Result | None:
        """Return what is known to become of *slot*; ``None`` where it is for its fold to say."""
        return self._results.get(slot)

    def _take(self, slot: int, record: Record) -> None:
        if record.kind is not Kind.UNSIGNED or FAILURE_TYPE.encode() not in record.message:
            return
        failure = read_failure(StoredAssignment(self._process, slot, record).fields)
        if failure is not None and failure.slot < slot:
            self._results.setdefault(failure.slot, failure.result)
            self._results[slot] = Result(b"")  # what the node says is for no fold
