"""What a worker says at once, in parts that are small enough for a slot each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seriatim.actors.queue.commands import Done, Report, Reported
from seriatim.formats.limits import REPORT_PART_ENDS_MAX, REPORT_PART_MAX_BYTES

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Ended


def parts_of(report: Report) -> Iterator[Report]:
    """Yield *report* in parts: one in most cases.

    What was printed comes with the first of them, for its jobs must not have ended; what the worker
    goes on with, with the last.
    """
    printed = report.printed
    *firsts, last = _cut(report.ended)
    for ended in firsts:
        yield Report(report.worker, ended, printed=printed)
        printed = ()
    yield report._replace(ended=last, printed=printed)


def joined(parts: Sequence[Reported]) -> Reported:
    """Return the answers to the *parts* of one report as one."""
    if len(parts) == 1:
        return parts[0]
    refused = {job: why for each in parts for job, why in each.refused.items()}
    return parts[-1]._replace(refused=refused)


def _cut(ended: Sequence[Ended]) -> Iterator[Sequence[Ended]]:
    first = size_bytes = 0
    for number, each in enumerate(ended):
        own_bytes = len(each.result) if isinstance(each, Done) else 0
        is_full = size_bytes + own_bytes > REPORT_PART_MAX_BYTES
        if number > first and (is_full or number - first == REPORT_PART_ENDS_MAX):
            yield ended[first:number]
            first, size_bytes = number, 0
        size_bytes += own_bytes
    yield ended[first:]
