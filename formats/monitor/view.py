"""What a monitor says: one look, and what it makes of it, as a plain value for JSON.

The same value goes to programs, over HTTP, and into the text for people (``hud.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seriatim.formats.jobs.state import JobState
from seriatim.formats.monitor.episodes import Pulse
from seriatim.formats.monitor.idle import idle_of

if TYPE_CHECKING:
    from seriatim.formats.monitor.beat import Beat
    from seriatim.formats.monitor.episodes import Episodes
    from seriatim.formats.monitor.sight import QueueSight, Sight

CATEGORIES_BETWEEN: Final = "|"


class Observer(NamedTuple):
    """Who looks.

    Attributes:
        home: ``node``, or ``process`` for one of its own.
        pid: its OS process.
        tick: how often it has looked by now: its own heartbeat.
        period_ms: how often it looks.
    """

    home: str
    pid: int
    tick: int
    period_ms: int


class Moment(NamedTuple):
    """A look, and when it was, by the observer's monotonic clock."""

    sight: Sight
    monotonic_ms: int


def view_of(
    observer: Observer, now: Moment, episodes: Episodes, before: Moment | None
) -> dict[str, Any]:
    """Return what *observer* has to say.

    Args:
        observer: who looks.
        now: its last look, which *episodes* have seen.
        episodes: its own.
        before: its look before that, for rates; ``None`` for none.
    """
    sight = now.sight
    idle = idle_of(sight)
    return {
        "at_ms": sight.at_ms,
        "observer": observer._asdict(),
        "idle": idle.is_idle,
        "busy_because": list(idle.reasons),
        "slots": dict(idle.slots),
        "flags": sight.flags._asdict(),
        "summary": summary_of(_heard_of(sight.beats, episodes)),
        "backlog": backlog_of(sight),
        "workers": [_worker_view(beat, now, episodes) for beat in sight.beats],
        "queues": [_queue_view(queue) for queue in sight.queues],
        "rates": rates_between(before, now) if before is not None else {},
        "triggers": sight.triggers._asdict(),
    }


def _heard_of(beats: Iterable[Beat], episodes: Episodes) -> Iterator[Beat]:
    """Yield the beats of workers that are not stale: what those have said last, they do no more."""
    for beat in beats:
        if episodes.pulse(beat.status.worker) is not Pulse.STALE:
            yield beat


def summary_of(beats: Iterable[Beat]) -> list[str]:
    """Return a sentence for each category that has busy workers, by category.

    Such as ``3 GPU workers busy: {PLATE_READ: 2, VEHICLE_DETECT: 1}``: how many workers, and how
    many jobs of which type they run.
    """
    workers: Counter[str] = Counter()
    jobs: dict[str, Counter[str]] = {}
    for beat in beats:
        status = beat.status
        if status.running:
            workers[status.category] += 1
            own = jobs.setdefault(status.category, Counter())
            own.update(each.type for each in status.running)
    lines = []
    for category, count in sorted(workers.items()):
        kinds = ", ".join(f"{kind}: {number}" for kind, number in sorted(jobs[category].items()))
        noun = "worker" if count == 1 else "workers"
        words = [str(count), *([category.upper()] if category else []), noun, "busy:"]
        lines.append(f"{' '.join(words)} {{{kinds}}}")
    return lines


def backlog_of(sight: Sight) -> dict[str, int]:
    """Return how many jobs wait for a worker, by the categories of the workers that run their type.

    Where workers of several categories do, these stand together: ``cpu|gpu``; where none does, or
    they say none, the name is empty. Types that were not looked at are counted there, too.
    """
    categories: dict[tuple[str, str], set[str]] = {}
    for beat in sight.beats:
        for kind in beat.status.types:
            categories.setdefault((beat.status.queue, kind), set()).add(beat.status.category)
    backlog: Counter[str] = Counter()
    for queue in sight.queues:
        left = queue.states.get(JobState.PENDING, 0)
        for kind, states in queue.types.items():
            waiting = states.get(JobState.PENDING, 0)
            known = categories.get((queue.name, kind), set())
            backlog[CATEGORIES_BETWEEN.join(sorted(known - {""}))] += waiting
            left -= waiting
        backlog[""] += left
    return {name: count for name, count in sorted(backlog.items()) if count}


def rates_between(before: Moment, now: Moment) -> dict[str, dict[str, float]]:
    """Return how fast each queue has moved between two looks, per second.

    ``ended_per_s`` counts jobs that are there as ended; those that are forgotten meanwhile are
    missing from it, and it is never below 0.
    """
    passed_s = (now.monotonic_ms - before.monotonic_ms) / 1_000
    known = {queue.name: queue for queue in before.sight.queues}
    if passed_s <= 0:
        return {}
    rates = {}
    for queue in now.sight.queues:
        last = known.get(queue.name)
        if last is not None:
            rates[queue.name] = {
                "ended_per_s": round(max(queue.ended - last.ended, 0) / passed_s, 1),
                "slots_per_s": round((queue.slot - last.slot) / passed_s, 1),
            }
    return rates


def _worker_view(beat: Beat, now: Moment, episodes: Episodes) -> dict[str, Any]:
    plain = beat.status.to_plain()
    del plain["has_left"]  # who has is not there
    return {
        **plain,
        "heard_ms": beat.heard_ms,
        "pulse": episodes.pulse(beat.status.worker).value,
        "silent_ms": episodes.silent_ms(beat.status.worker, now.monotonic_ms),
    }


def _queue_view(queue: QueueSight) -> dict[str, Any]:
    return {
        "queue": queue.name,
        "slot": queue.slot,
        "at_ms": queue.at_ms,
        "paused": queue.is_paused,
        "live": queue.live,
        "states": dict(queue.states),
        "types": {kind: dict(states) for kind, states in queue.types.items()},
        "has_more_types": queue.has_more_types,
    }
