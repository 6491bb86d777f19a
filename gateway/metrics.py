"""Counters for operators, as OpenMetrics text: names with units, bounded labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from seriatim.actors.node import Node
from seriatim.gateway.job_metrics import JobCollector

_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What the node's HTTP face counts."""

    def __init__(self, node: Node) -> None:
        """Count for *node*; its queues are read when somebody asks."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "seriatim_requests",
            "Requests answered, by API, method and status.",
            ("api", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "seriatim_request_duration_seconds",
            "Time from the request's head to the reply; what a reader asked to wait for, too.",
            ("api",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._gauge("seriatim_live_servers", "Processes with a server.", lambda: len(node.live))
        self._gauge(
            "seriatim_readers_waiting",
            "Readers that wait for a slot (long poll).",
            lambda: node.readers_waiting,
        )
        self._gauge(
            "seriatim_readers_catching_up",
            "Readers that wait until a copy is brought up to its source.",
            lambda: node.readers_catching_up,
        )
        for queue in node.waiting:
            self._gauge(
                f"seriatim_{queue}_queue_jobs",
                f"What waits in the {queue} queue: messages, and what else is to be done there.",
                partial(_waiting, node, queue),
            )
        uploader = node.uploader
        if uploader is not None:
            self._gauge(
                "seriatim_outbox_assignments",
                "Assignments that the bundler has not acknowledged.",
                lambda: uploader.waiting,
            )
            self._gauge(
                "seriatim_outbox_aside_assignments",
                "Of these, those that the bundler does not take; they are tried again.",
                lambda: uploader.aside,
            )
        self._registry.register(JobCollector(node))
        # Looking a label up costs more than counting.
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}

    def count(self, api: str, method: str, status: int, duration_s: float) -> None:
        """Count one answered request."""
        key = (api, method if method in _METHODS else "other", status)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = self._requests.labels(*map(str, key))
            self._timed[api] = self._seconds.labels(api)
        counted.inc()
        self._timed[api].observe(duration_s)

    def render(self) -> tuple[str, str]:
        """Return the text of all metrics and its content type."""
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]  # theirs has no types
        return text.decode(), CONTENT_TYPE_LATEST

    def _gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        Gauge(name, text, registry=self._registry).set_function(read)


def _waiting(node: Node, queue: str) -> float:
    return node.waiting[queue]
