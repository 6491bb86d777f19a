"""What workers have run when: spans, as the slots of a queue say.

A grant begins a span, and what ends the lease ends it. Of a window of slots that is all that there
is to know, but for what was leased before its first one: the row of `open_path` says that, every
``QUEUE_OPEN_EVERY_SLOTS`` slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job

_ENDS: Final = frozenset({"done", "failed", "expired", "released"})


class Span(NamedTuple):
    """A job while it was with a worker.

    Attributes:
        job: its id.
        token: of its lease.
        began_ms: when that was granted.
        worker: who had it.
        ended_ms: when the queue has heard of its end; ``None`` where it has not.
        how: by which event it has ended: ``done``, ``failed``, ``expired`` (its worker was lost) or
            ``released``; empty where it has not.
        code: see `Failure`; empty for none.
    """

    job: str
    token: int
    began_ms: int
    worker: str
    ended_ms: int | None = None
    how: str = ""
    code: str = ""


class Spans:
    """The spans that are open after some slot."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        """Begin with *spans*."""
        self._open = {span.job: span for span in spans}

    @property
    def open(self) -> Sequence[Span]:
        """What has not ended, in the order of their tokens."""
        return sorted(self._open.values(), key=lambda span: (span.token, span.job))

    def apply(self, slot: int, at_ms: int, events: Iterable[Mapping[str, Any]]) -> list[Span]:
        """Go on to the next *slot*; return what has ended in it, in the order of its *events*."""
        ended = []
        for event in events:
            how = event["event"]
            if how == "granted":
                for job in event["jobs"]:
                    self._open[job] = Span(job, slot, at_ms, event["worker"])
            elif how in _ENDS:
                span = self._open.pop(event["id"])
                ended.append(span._replace(ended_ms=at_ms, how=how, code=event.get("code", "")))
        return ended


def encode_open(leased: Iterable[Job]) -> bytes:
    """Return the row that says which jobs are *leased*."""
    spans = Spans(Span(job.id, job.token, job.started_ms, job.worker) for job in leased).open
    return orjson.dumps([(span.job, span.token, span.began_ms, span.worker) for span in spans])


def decode_open(raw: bytes) -> Spans:
    """Return what `encode_open` has made *raw* of."""
    return Spans(Span(*each) for each in orjson.loads(raw))
