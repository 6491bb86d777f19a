"""The producer's desk: numbers for callers, and a pace that catches up and never runs ahead."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import orjson
import pytest

from seriatim.gateway.bench.jobs import producer as module
from seriatim.gateway.bench.jobs.producer import Order, Produced
from seriatim.gateway.bench.jobs.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on which the session has told to begin, and to end."""
    stage = Stage(tmp_path, {})
    for name, value in stage.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.StringIO("begin\n"))
    return stage


def test_a_pace_counts_from_the_opening_and_catches_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 5_000_000_000
    monkeypatch.setattr(module, "monotonic_ns", lambda: now_ns)
    order = Order(10, 4, callers=1, per_s=50)
    desk = module._Desk(order)
    assert not stage.opened.exists()
    desk.open()
    assert stage.opened.exists()
    assert [desk.pause_s(number) for number in order.numbers] == [0.0, 0.02, 0.04, 0.06]
    now_ns += 50_000_000
    assert [desk.pause_s(number) for number in order.numbers] == [0.0, 0.0, 0.0, 0.01]


def test_without_a_pace_there_is_no_pause(stage: Stage) -> None:
    desk = module._Desk(Order(0, 3))
    desk.open()
    assert [desk.pause_s(number) for number in desk.left] == [0.0] * 3


def test_what_is_handed_in_is_by_job_whoever_was_done_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "monotonic_ns", lambda: 100)
    order = Order(7, 3, callers=2)
    desk = module._Desk(order)
    for number, began_ns in zip(reversed(order.numbers), (50, 40, 30), strict=True):
        desk.note(number, began_ns)
    desk.open()
    desk.close()
    handed_in = Produced(**orjson.loads(stage.produced.read_bytes()))
    assert handed_in == Produced(began_ns=[30, 40, 50], took_ns=[70, 60, 50])


def test_a_caller_that_cannot_connect_fails_all_of_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the others would wait for it for ever; and its reason is what is told."""
    order = Order(0, 10, callers=4)
    monkeypatch.setattr(sys, "argv", ["toy", "produce", *map(str, order)])

    def enqueue(number: int) -> None:
        if number == 2:
            raise ConnectionError("there is no such queue")

    with pytest.raises(ConnectionError):
        module.produce(enqueue)
    assert not stage.opened.exists()
    assert not stage.produced.exists()
