"""What queues and workers do, as metrics: read when somebody asks, with bounded labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from seriatim.actors.queue.tally import BOUNDS_BYTES, BOUNDS_MS
from seriatim.formats.errors import SchedulerError
from seriatim.formats.limits import METRICS_TYPES_MAX

if TYPE_CHECKING:
    from seriatim.actors.node import Node
    from seriatim.actors.queue.tally import Histogram, Tally

_OTHER: Final = "other"
_SECONDS: Final = (*(str(bound / 1_000) for bound in BOUNDS_MS), "+Inf")
_BYTES: Final = (*(str(float(bound)) for bound in BOUNDS_BYTES), "+Inf")


class JobCollector(Collector):
    """Collects from a node. Queues are ``QUEUES_MAX`` at most, types ``METRICS_TYPES_MAX``."""

    def __init__(self, node: Node) -> None:
        """Read what the queues and the monitor of *node* know."""
        self._node = node

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are known when somebody asks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        queues, monitor = self._node.queues, self._node.monitor
        if queues is None or monitor is None:
            return
        yield from _counted(queues.tallies)
        yield from _timed(queues.tallies)
        yield from _used(queues.tallies)
        try:
            view = monitor.look_now()
        except SchedulerError:
            return  # health says so
        yield _depths(view)
        yield _types(view)
        yield _workers(view)
        yield CounterMetricFamily(
            "seriatim_monitor_looks", "How often the monitor has looked.", value=monitor.tick
        )


def _counted(tallies: Mapping[str, Tally]) -> Iterator[Metric]:
    slots = CounterMetricFamily("seriatim_queue_slots", "Slots written.", labels=("queue",))
    said = CounterMetricFamily(
        "seriatim_queue_events",
        "Jobs that slots have said something of: granted, done, failed, expired, and so on.",
        labels=("queue", "event"),
    )
    ended = CounterMetricFamily(
        "seriatim_queue_ended_jobs", "Jobs that have ended, by state.", labels=("queue", "state")
    )
    for queue, tally in tallies.items():
        slots.add_metric((queue,), tally.slots)
        for word, count in tally.events.items():
            said.add_metric((queue, word), count)
        for state, count in tally.ended.items():
            ended.add_metric((queue, state), count)
    yield from (slots, said, ended)


def _timed(tallies: Mapping[str, Tally]) -> Iterator[Metric]:
    waits = HistogramMetricFamily(
        "seriatim_job_wait_seconds",
        "Of jobs that have ended: from submission to the beginning of the last attempt.",
        labels=("queue",),
    )
    runs = HistogramMetricFamily(
        "seriatim_job_run_seconds", "Of these: from there to the end.", labels=("queue",)
    )
    for queue, tally in tallies.items():
        waits.add_metric((queue,), _buckets(tally.waits, _SECONDS), tally.waits.total / 1_000)
        runs.add_metric((queue,), _buckets(tally.runs, _SECONDS), tally.runs.total / 1_000)
    yield from (waits, runs)


def _used(tallies: Mapping[str, Tally]) -> Iterator[Metric]:
    cpu = CounterMetricFamily(
        "seriatim_job_cpu_seconds",
        "Processor time of attempts that ran in OS processes of their own.",
        labels=("queue",),
    )
    memory = HistogramMetricFamily(
        "seriatim_job_memory_peak_bytes",
        "Of these attempts: the most memory that each had at once.",
        labels=("queue",),
    )
    for queue, tally in tallies.items():
        cpu.add_metric((queue,), tally.cpu_ms / 1_000)
        memory.add_metric((queue,), _buckets(tally.memory, _BYTES), tally.memory.total)
    yield from (cpu, memory)


def _buckets(histogram: Histogram, bounds: Sequence[str]) -> list[tuple[str, float]]:
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _depths(view: Mapping[str, Any]) -> Metric:
    depths = GaugeMetricFamily(
        "seriatim_queue_jobs", "Jobs, by queue and state.", labels=("queue", "state")
    )
    for queue in view["queues"]:
        for state, count in queue["states"].items():
            depths.add_metric((queue["queue"], state), count)
    return depths


def _types(view: Mapping[str, Any]) -> Metric:
    """Return how many jobs of each type have not ended; those with the fewest are summed."""
    live: dict[str, int] = {}
    for queue in view["queues"]:
        left = queue["live"]
        for kind, states in queue["types"].items():
            count = sum(states.get(state, 0) for state in ("blocked", "pending", "scheduled"))
            count += states.get("leased", 0)
            live[kind] = live.get(kind, 0) + count
            left -= count
        live[_OTHER] = live.get(_OTHER, 0) + left  # of types that were not looked at
    ranked = sorted(live.items(), key=lambda each: (each[0] == _OTHER, -each[1], each[0]))
    shown = dict(ranked[:METRICS_TYPES_MAX])
    rest = sum(count for _, count in ranked[METRICS_TYPES_MAX:])
    shown[_OTHER] = shown.get(_OTHER, 0) + rest
    types = GaugeMetricFamily(
        "seriatim_type_live_jobs", "Jobs that have not ended, by type.", labels=("type",)
    )
    for kind, count in shown.items():
        types.add_metric((kind,), count)
    return types


def _workers(view: Mapping[str, Any]) -> Metric:
    counts = {(pulse, does): 0 for pulse in ("ok", "slow", "stale") for does in ("busy", "idle")}
    for worker in view["workers"]:
        counts[worker["pulse"], "busy" if worker["running"] else "idle"] += 1
    workers = GaugeMetricFamily(
        "seriatim_workers", "Workers, by pulse and by what they do.", labels=("pulse", "activity")
    )
    for labels, count in counts.items():
        workers.add_metric(labels, count)
    return workers
