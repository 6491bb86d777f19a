"""A timeline as lines of text: a row for each worker, a letter for each type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from string import ascii_uppercase
from typing import Final

from seriatim.formats.timeline.rows import FAILURES, Bar, Drawn, busy_ms

COLUMNS_MIN: Final = 10
_OTHER: Final = "#"
_SEVERAL: Final = "*"
_FAILED: Final = "!"
_EARLY, _OPEN = "<", ">"


def gantt(drawn: Drawn, columns: int, time_text: Callable[[int], str]) -> Iterator[str]:
    """Yield the lines that show *drawn*.

    Args:
        drawn: what there is to show.
        columns: how many characters stand for the window.
        time_text: a time, of Unix milliseconds, for people.
    """
    yield f"{time_text(drawn.from_ms)} to {time_text(drawn.to_ms)}"
    if not drawn.workers:
        yield "nothing ran"
        return
    letters = dict(zip(drawn.types, ascii_uppercase, strict=False))
    name_width = max(map(len, drawn.workers))
    for worker, bars in drawn.workers.items():
        share = busy_ms(bars) / (drawn.to_ms - drawn.from_ms)
        cells = "".join(_cells(drawn, bars, columns, letters))
        yield f"{worker.ljust(name_width)} |{cells}| {len(bars)}, {share:.0%} busy"
    yield _legend(drawn, letters)
    ends = Counter(bar.how for bars in drawn.workers.values() for bar in bars if bar.how)
    if ends:
        yield ", ".join(f"{count} {how}" for how, count in sorted(ends.items()))


def _cells(
    drawn: Drawn, bars: Sequence[Bar], columns: int, letters: dict[str, str]
) -> Iterator[str]:
    """Yield what stands in each column: what ran in its part of the window."""
    seen: list[set[str]] = [set() for _ in range(columns)]
    failed: set[int] = set()
    for bar in bars:
        first = _column(drawn, bar.began_ms, columns)
        last = max(_column(drawn, bar.ended_ms - 1, columns), first)
        for at in range(first, last + 1):
            seen[at].add(letters.get(bar.type, _OTHER))
        if bar.how in FAILURES:
            failed.add(last)
    is_early, is_open = any(bar.is_early for bar in bars), any(bar.is_open for bar in bars)
    for at, types in enumerate(seen):
        if at in failed:
            yield _FAILED
        elif at == 0 and is_early:
            yield _EARLY
        elif at == columns - 1 and is_open:
            yield _OPEN
        else:
            yield " " if not types else next(iter(types)) if len(types) == 1 else _SEVERAL


def _column(drawn: Drawn, at_ms: int, columns: int) -> int:
    return min((at_ms - drawn.from_ms) * columns // (drawn.to_ms - drawn.from_ms), columns - 1)


def _legend(drawn: Drawn, letters: dict[str, str]) -> str:
    said = [f"{letter} {kind}" for kind, letter in letters.items()]
    if len(drawn.types) > len(letters):
        said.append(f"{_OTHER} other types")
    return ", ".join(
        [
            *said,
            f"{_SEVERAL} several",
            f"{_FAILED} failed",
            f"{_EARLY} began before",
            f"{_OPEN} had not ended",
        ]
    )
