"""Thresholds over time: what is sampled, and what is said of a crossing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.compute.folds import Folds
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches.metrics import machine_metrics
from seriatim.actors.watches.threshold_watch import ThresholdKind
from seriatim.actors.watches.watch import Watch
from seriatim.formats.errors import MalformedError, UnavailableError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import THRESHOLD_EVERY_DEFAULT_MS, THRESHOLD_EVERY_MIN_MS
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.watches.event import Event, check_event
from tests.support.records import make_id
from tests.support.running_node import post, running
from tests.support.sample_folds import tally
from tests.support.watching import quiet_world, watching, world_of

START_MS = 1_700_000_000_000
EVERY_MS = THRESHOLD_EVERY_DEFAULT_MS
PROCESS = encode_id(make_id("process"))


class NoMoreSamplesError(Exception):
    """The last sample was taken."""


def told(*values: float) -> Callable[[], float]:
    """Return a metric that says *values* one after the other."""
    left = list(values)

    def read() -> float:
        if not left:
            raise NoMoreSamplesError
        return left.pop(0)

    return read


def load(clock: ManualClock, *values: float, **spec: Value) -> Watch:
    """Return a watch of the metric ``load``, which says *values*."""
    world = quiet_world(clock, metrics={"load": told(*values), "idle": told()})
    return ThresholdKind().open({"metric": "load", **spec}, world)


async def take_all(watch: Watch, mark: bytes, clock: ManualClock) -> list[Event]:
    """Return all events behind *mark*, until there is no sample any more."""
    events: list[Event] = []
    async with watching(watch, mark, clock) as found:
        with pytest.raises(NoMoreSamplesError):
            while True:
                events.append(check_event(await found.next(within_ms=EVERY_MS)))
    return events


def test_a_crossing_is_one_event_named_by_its_beginning() -> None:
    async def main() -> None:
        clock = ManualClock(START_MS)
        watch = load(clock, 79, 81, 90, 95, 80, 81, above=80, **{"for": f"{EVERY_MS} ms"})
        (event,) = await take_all(watch, await watch.first_mark(), clock)
        assert event.key == str(START_MS + EVERY_MS)
        assert event.fields == {
            "metric": "load",
            "value": 90,
            "above": 80,
            "since-ms": START_MS + EVERY_MS,
        }

    asyncio.run(main())


def test_it_is_sampled_as_often_as_the_spec_says() -> None:
    async def main() -> None:
        clock = ManualClock(START_MS)
        watch = load(clock, 5, 5, 5, 1, below=2, every=f"{THRESHOLD_EVERY_MIN_MS} ms")
        (event,) = await take_all(watch, b"", clock)
        assert event.key == str(START_MS + 3 * THRESHOLD_EVERY_MIN_MS)
        assert event.fields["below"] == 2

    asyncio.run(main())


def test_a_restart_while_it_is_over_does_not_fire_again() -> None:
    async def main() -> None:
        clock = ManualClock(START_MS)
        (event,) = await take_all(load(clock, 90, 95, above=80, clear=70), b"", clock)
        assert await take_all(load(clock, 90, 75, 90, above=80, clear=70), event.mark, clock) == []
        again = await take_all(load(clock, 90, 70, 90, above=80, clear=70), event.mark, clock)
        assert len(again) == 1
        assert again[0].key > event.key

    asyncio.run(main())


def test_that_it_is_back_is_on_disk_and_no_restart_loses_the_next_crossing() -> None:
    async def main() -> None:
        clock = ManualClock(START_MS)
        async with watching(load(clock, 90, 95, 70, 75, above=80), b"", clock) as found:
            event = await found.next()
            asked = found.ask()
            while found.mark == event.mark:
                clock.advance(EVERY_MS)
                await asyncio.sleep(0)
            assert not asked.done()
        (again,) = await take_all(load(clock, 90, above=80), found.mark, clock)
        assert again.key > event.key

    asyncio.run(main())


def test_a_number_in_what_a_process_computes_is_watched(tmp_path: Path) -> None:
    spawn = submit_unsigned(Message({"type": "Process", "execution-device": "tally@1.0"}))

    async def main() -> None:
        folds = Folds(folds=(tally,))
        policy = Policy(accept_unsigned=True)
        async with running(tmp_path, policy=policy, folds=folds) as node:
            await post(node, spawn)
            clock = ManualClock(START_MS)
            spec: dict[str, Value] = {
                "process": encode_id(spawn.process),
                "key": "sum",
                "above": 10,
            }
            watch = ThresholdKind().open(spec, world_of(node, clock))
            async with watching(watch, b"", clock) as found:
                found.ask()
                for amount in (4, 7):
                    said = Message({"amount": amount})
                    await post(node, submit_unsigned(said, process=spawn.process))
                event = await found.next(within_ms=EVERY_MS)
            assert event.fields == {
                "process": encode_id(spawn.process),
                "state-key": "sum",
                "value": 11,
                "above": 10,
                "since-ms": int(event.key),
            }

    asyncio.run(main())


def computed(state: Any, key: str) -> Watch:
    async def compute(process: bytes) -> Any:
        return state

    world = quiet_world(ManualClock())._replace(compute=compute)
    return ThresholdKind().open({"process": PROCESS, "key": key, "above": 1}, world)


@pytest.mark.parametrize(
    ("state", "key", "sentence"),
    [
        ({"a": {"b": 1, "c": 2}}, "a.x", f"a.x in the state of process {PROCESS} is not there: a"),
        ({"a": {"b": 1, "c": 2}}, "a.x", "a has keys b, c"),
        ({"a": {"b": 1}}, "x", "the state has keys a"),
        ({"a": 1}, "a.b", "a has no keys"),
        (None, "a", "the state has no keys"),
        ({"a": "1"}, "a", "is '1', and no number"),
        ({"a": True}, "a", "is True, and no number"),
        ({"a": None}, "a", "is None, and no number"),
    ],
)
def test_a_state_without_such_a_number_is_named(state: Any, key: str, sentence: str) -> None:
    async def main() -> None:
        clock = ManualClock()
        async with watching(computed(state, key), b"", clock) as found:
            with pytest.raises(UnavailableError) as caught:
                await found.next()
        assert caught.value.code == "no_reading"
        assert caught.value.retryable
        assert sentence in str(caught.value)

    asyncio.run(main())


def broken() -> float:
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize("reading", [broken, lambda: float("nan"), lambda: float("inf")])
def test_a_metric_that_gives_no_number_is_an_error(reading: Callable[[], float]) -> None:
    async def main() -> None:
        clock = ManualClock()
        world = quiet_world(clock, metrics={"load": reading})
        watch = ThresholdKind().open({"metric": "load", "above": 1}, world)
        async with watching(watch, b"", clock) as found:
            with pytest.raises(UnavailableError, match="the metric load") as caught:
                await found.next()
        assert caught.value.code == "no_reading"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"above": 1}, "metric of the watch: expected either metric, or process and key"),
        ({"metric": "a", "process": PROCESS, "above": 1}, "expected either metric, or process"),
        ({"process": PROCESS, "above": 1}, "key of the watch: expected text"),
        ({"metric": "a", "key": "b", "above": 1}, "cannot have 'key'"),
        ({"metric": "a"}, "above of the watch: expected either above or below, found nothing"),
        ({"metric": "a", "above": 1, "below": 2}, "expected either above or below, found 'both'"),
        ({"metric": "a", "above": "1"}, "above of the watch: expected a number, found '1'"),
        ({"metric": "a", "above": True}, "above of the watch: expected a number, found True"),
        ({"metric": "a", "above": float("nan")}, "above of the watch: expected a number"),
        ({"metric": "a", "above": 10**400}, "above of the watch: expected a number"),
        ({"metric": "a", "above": 1, "clear": 2}, "clear of the watch: expected at most 1"),
        ({"metric": "a", "below": 1, "clear": 0}, "clear of the watch: expected at least 1"),
        ({"metric": "a", "above": 1, "for": -1}, "for of the watch: expected a duration"),
        ({"metric": "a", "above": 1, "every": "99 ms"}, "100 ms to 86400000 ms, found '99 ms'"),
        ({"metric": "a", "above": 1, "every": 100.0}, "every of the watch: expected a duration"),
        ({"metric": "a", "above": 1, "each": 1}, "the watch cannot have 'each'; it can have above"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: dict[str, Value], sentence: str) -> None:
    with pytest.raises(MalformedError) as caught:
        ThresholdKind().check(spec)
    assert caught.value.code == "bad_watch"
    assert sentence in str(caught.value)


def test_a_metric_that_nobody_has_is_refused_with_those_that_are_there() -> None:
    world = quiet_world(ManualClock(), metrics={"cpu": told(), "disk": told()})
    with pytest.raises(MalformedError, match=r"a metric of this node \(cpu, disk\), found 'gpu'"):
        ThresholdKind().open({"metric": "gpu", "above": 1}, world)


def test_a_node_that_computes_nothing_says_so() -> None:
    spec: dict[str, Value] = {"process": PROCESS, "key": "a", "above": 1}
    ThresholdKind().check(spec)
    with pytest.raises(UnsupportedError, match="computes nothing"):
        ThresholdKind().open(spec, quiet_world(ManualClock()))


def test_a_machine_says_how_busy_and_how_full_it_is(tmp_path: Path) -> None:
    metrics = machine_metrics(tmp_path, ManualClock())
    assert sorted(metrics) == ["cpu", "disk", "memory"]
    assert all(0 <= read() <= 100 for read in metrics.values())
    with pytest.raises(OSError, match="gone"):
        machine_metrics(tmp_path / "gone", ManualClock())["disk"]()


def test_readers_that_come_too_soon_after_one_are_told_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psutil.cpu_percent", told(0.0, 50.0, 60.0))
    clock = ManualClock()
    cpu = machine_metrics(Path(), clock)["cpu"]
    assert cpu() == 0.0
    said = []
    for _ in range(4):
        clock.advance(THRESHOLD_EVERY_MIN_MS // 2)
        said += [cpu(), cpu()]
    assert said == [0.0, 0.0, 50.0, 50.0, 50.0, 50.0, 60.0, 60.0]
