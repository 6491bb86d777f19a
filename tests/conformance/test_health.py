"""Health and metrics: what is not well is named, and a run is counted as it went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.queue.commands import Cancel, Change, Claim, Done, Ended, Failed, Report
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import DISK_FREE_MIN_BYTES, MONITOR_PERIOD_MS
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway import job_metrics
from tests.support.builders import NODE
from tests.support.http_node import HttpNode, serving
from tests.support.statuses import status_of
from tests.support.strategies import known_wallet

LABELS = ("queue", "event", "state", "type", "pulse", "activity", "le")
COMPONENTS = {"store", "writer", "clerks", "triggers", "monitor", "disk"}


def with_node(
    tmp_path: Path,
    use: Callable[[HttpNode, VirtualClock], Awaitable[None]],
    policy: Policy | None = None,
) -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with serving(tmp_path, wallet=known_wallet(NODE), clock=clock, policy=policy) as http:
            await use(http, clock)

    asyncio.run(main())


def test_a_node_that_is_well_says_so_in_each_part(tmp_path: Path) -> None:
    async def use(http: HttpNode, clock: VirtualClock) -> None:
        for path in ("/readyz", "/health"):
            reply = await http.get(path, accept="application/json")
            assert (reply.status, reply.json()["status"]) == (200, "healthy")
            parts = reply.json()["components"]
            assert parts == {name: {"status": "healthy"} for name in COMPONENTS}
        assert (await http.get("/livez")).json() == {"status": "healthy"}
        assert (await http.get("/health")).body == b"", "as an ao unit answers"

    with_node(tmp_path, use)


async def break_disk(node: Node, clock: VirtualClock) -> None:
    node.free_bytes = lambda: DISK_FREE_MIN_BYTES - 1


async def break_monitor(node: Node, clock: VirtualClock) -> None:
    assert node.monitor is not None

    def fail() -> Any:
        raise StoreError("gone")

    node.monitor.start()
    node.monitor._look = fail
    clock.advance(milliseconds=5 * MONITOR_PERIOD_MS)


async def break_clerk(node: Node, clock: VirtualClock) -> None:
    assert node.queues is not None
    await node.queues.submit("films", [read_asked({"type": "render"})])
    await node.queues._clerks["films"].stop()


async def break_triggers(node: Node, clock: VirtualClock) -> None:
    node.triggers = None


async def break_store(node: Node, clock: VirtualClock) -> None:
    def fail(process: bytes) -> Any:
        raise StoreError("gone")

    node.head = fail  # type: ignore[method-assign]  # the planted fault


async def break_writer(node: Node, clock: VirtualClock) -> None:
    node.failed.fail(StoreError("gone"))


@pytest.mark.parametrize(
    "harm",
    [break_disk, break_monitor, break_clerk, break_triggers, break_store, break_writer],
    ids=lambda each: each.__name__.removeprefix("break_"),
)
def test_what_is_not_well_is_named(
    tmp_path: Path, harm: Callable[[Node, VirtualClock], Awaitable[None]]
) -> None:
    part = {"break_clerk": "clerks"}.get(harm.__name__, harm.__name__.removeprefix("break_"))

    async def use(http: HttpNode, clock: VirtualClock) -> None:
        node = http.node
        head, triggers = node.head, node.triggers
        await harm(node, clock)
        for path in ("/readyz", "/health"):
            reply = await http.get(path)
            assert reply.status == 503
            parts = reply.json()["components"]
            bad = {name for name, each in parts.items() if each["status"] == "unhealthy"}
            assert bad == {part}
            assert str(tmp_path) not in reply.body.decode(), "anybody may ask"
        assert (await http.get("/livez")).status == (503 if part == "writer" else 200)
        node.head = head  # type: ignore[method-assign]  # as it was
        node.triggers = triggers

    with_node(tmp_path, use)


def test_a_node_that_stops_is_not_ready_and_lives(tmp_path: Path) -> None:
    async def use(http: HttpNode, clock: VirtualClock) -> None:
        http.node.refuse_new_work()
        reply = await http.get("/readyz")
        assert (reply.status, reply.json()["status"]) == (503, "stopping")
        assert (await http.get("/livez")).status == 200

    with_node(tmp_path, use)


def test_a_node_that_only_reads_has_fewer_parts(tmp_path: Path) -> None:
    async def use(http: HttpNode, clock: VirtualClock) -> None:
        parts = (await http.get("/readyz")).json()["components"]
        assert parts.keys() == {"store", "writer", "disk"}
        assert b"seriatim_queue_slots" not in (await http.get("/metrics")).body

    with_node(tmp_path, use, Policy(mode=SchedulingMode.DISABLED))


async def samples(http: HttpNode) -> dict[tuple[str, ...], float]:
    """Return the samples about queues and workers, as a parser of OpenMetrics reads them."""
    text = (await http.get("/metrics")).body.decode()
    found = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # theirs has no types
        for sample in family.samples:
            labels = [sample.labels[name] for name in LABELS if name in sample.labels]
            found[sample.name.removeprefix("seriatim_"), *labels] = sample.value
    return found


async def run_some(http: HttpNode, clock: VirtualClock) -> None:
    """Submit five jobs, of which two are done, one fails, one is cancelled, and one waits.

    A sixth one, of another queue, runs.
    """
    queues = http.node.queues
    assert queues is not None
    asked = [read_asked({"type": kind}) for kind in ("a", "a", "b", "c", "c")]
    ids = [each.id for each in await queues.submit("q", asked)]
    await queues.change("q", Change({"types": {"a": 2}}))
    clock.advance(seconds=2)
    claim = Claim("w", frozenset({"a", "b"}), commands=False, room=3)
    grants = {each.id: each.token for each in (await queues.claim("q", claim, wait_ms=0)).grants}
    clock.advance(seconds=3)
    usage = {"usage": {"wall_ms": 3_000, "cpu_ms": 250, "memory_peak_bytes": 20 * 2**20}}
    ended: list[Ended] = [
        Done(ids[0], grants[ids[0]], outcome=usage),
        Done(ids[1], grants[ids[1]]),
        Failed(ids[2], grants[ids[2]], "raised", "because", usage),
    ]
    await queues.submit("default", [read_asked({"type": "a", "id": "x"})])
    (grant,) = (await queues.claim("default", claim, wait_ms=0)).grants
    status = status_of("w", 1, RunningJob("x", "a", grant.token))
    await queues.report("q", Report("w", ended, status=status))
    await queues.ask("q", Cancel(ids[3], "enough"))
    clock.advance(seconds=1)


def test_metrics_are_what_has_happened(tmp_path: Path) -> None:
    async def use(http: HttpNode, clock: VirtualClock) -> None:
        await run_some(http, clock)
        found = await samples(http)
        assert found["queue_events_total", "q", "submitted"] == 5
        assert found["queue_events_total", "q", "granted"] == 3
        assert found["queue_events_total", "q", "done"] == 2
        assert found["queue_events_total", "q", "failed"] == 1
        assert found["queue_ended_jobs_total", "q", "done"] == 2
        assert found["queue_ended_jobs_total", "q", "cancelled"] == 1
        assert found["queue_jobs", "q", "pending"] == 1
        assert found["type_live_jobs", "c"] == 1
        assert found["job_wait_seconds_count", "q"] == found["job_run_seconds_count", "q"] == 3
        assert found["job_wait_seconds_sum", "q"] == pytest.approx(6)
        assert found["job_run_seconds_sum", "q"] == pytest.approx(9)
        assert found["job_run_seconds_bucket", "q", "1.0"] == 0
        assert found["job_run_seconds_bucket", "q", "5.0"] == 3
        assert found["job_cpu_seconds_total", "q"] == pytest.approx(0.5)
        assert found["job_memory_peak_bytes_sum", "q"] == 40 * 2**20
        assert found["job_memory_peak_bytes_bucket", "q", str(float(2**24))] == 0
        assert found["job_memory_peak_bytes_bucket", "q", str(float(2**25))] == 2
        assert found["workers", "ok", "busy"] == 1
        assert found["workers", "stale", "idle"] == 0

    with_node(tmp_path, use)


def test_there_are_only_so_many_labels_of_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_metrics, "METRICS_TYPES_MAX", 2)

    async def use(http: HttpNode, clock: VirtualClock) -> None:
        queues = http.node.queues
        assert queues is not None
        kinds = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
        await queues.submit("q", [read_asked({"type": kind}) for kind in kinds])
        found = await samples(http)
        types = {key[1]: value for key, value in found.items() if key[0] == "type_live_jobs"}
        assert types == {"a": 3, "b": 2, "other": 2}

    with_node(tmp_path, use)
