"""What every drawing of a timeline is made from: the spans of each worker, and their types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Plain = Mapping[str, Any]

FORGOTTEN = "(forgotten)"
"""The type of a job that was forgotten."""
FAILURES = frozenset({"failed", "expired"})


class Bar(NamedTuple):
    """A span as it is drawn.

    Attributes:
        job: its id.
        type: of the job.
        began_ms: when it began, within the window.
        ended_ms: when it ended, within the window.
        is_early: whether it had begun before the window.
        is_open: whether it had not ended by the end of the window.
        how: see `Span`.
        code: as above.
    """

    job: str
    type: str
    began_ms: int
    ended_ms: int
    is_early: bool
    is_open: bool
    how: str
    code: str


class Drawn(NamedTuple):
    """A window of a timeline.

    Attributes:
        queue: the queue's name.
        from_ms: where the window begins.
        to_ms: where it ends, later than that.
        workers: by name, in the order of the alphabet: what each has run, by beginning.
        types: of all of these, those that took the most time first.
    """

    queue: str
    from_ms: int
    to_ms: int
    workers: Mapping[str, Sequence[Bar]]
    types: Sequence[str]


def draw(queue: str, from_ms: int, to_ms: int, spans: Iterable[Plain]) -> Drawn:
    """Return what there is to draw of *spans*, as the API answers them."""
    workers: dict[str, list[Bar]] = defaultdict(list)
    took_ms: dict[str, int] = defaultdict(int)
    for span in spans:
        began_ms, ended_ms = max(span["began_ms"], from_ms), span["ended_ms"]
        is_open = ended_ms is None
        kind = span["type"] or FORGOTTEN
        bar = Bar(
            span["job"],
            kind,
            began_ms,
            to_ms if is_open else ended_ms,
            span["began_ms"] < from_ms,
            is_open,
            span["how"],
            span["code"],
        )
        workers[span["worker"]].append(bar)
        took_ms[kind] += bar.ended_ms - bar.began_ms
    for bars in workers.values():
        bars.sort(key=lambda bar: (bar.began_ms, bar.ended_ms, bar.job))
    types = sorted(took_ms, key=lambda kind: (-took_ms[kind], kind))
    return Drawn(queue, from_ms, to_ms, dict(sorted(workers.items())), types)


def stack(bars: Iterable[Bar]) -> list[list[Bar]]:
    """Return *bars*, which are in the order of their beginnings, in as few lanes as can be.

    No two of a lane overlap; each bar is in the first lane that has room.
    """
    lanes: list[list[Bar]] = []
    for bar in bars:
        lane = next((each for each in lanes if each[-1].ended_ms <= bar.began_ms), None)
        if lane is None:
            lanes.append([bar])
        else:
            lane.append(bar)
    return lanes


def busy_ms(bars: Iterable[Bar]) -> int:
    """Return how long at least one of *bars*, which are by beginning, was there."""
    total = end_ms = 0
    for bar in bars:
        total += max(bar.ended_ms - max(bar.began_ms, end_ms), 0)
        end_ms = max(end_ms, bar.ended_ms)
    return total
