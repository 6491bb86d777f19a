"""Fixtures for the runtime's tests: both event loops, and a runtime that moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any, TypeVar

import pytest
import uvloop

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.dispatcher import ManualDispatcher

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest) -> Iterator[Run[Any]]:
    """Run a coroutine to its end, once on each kind of loop."""
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(now_ms=1_700_000_000_000)


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[ManualDispatcher]:
    """Return a dispatcher that moves one mail at a time."""
    manual = ManualDispatcher(clock, Random(7))
    yield manual
    manual.close()
