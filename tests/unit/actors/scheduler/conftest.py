"""A scheduler that moves by hand, over an empty log."""

from __future__ import annotations

from random import Random

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.store.memory_log import MemoryLog
from tests.support.builders import NODE
from tests.support.nodes import START_MS, SteppedScheduler
from tests.support.strategies import known_wallet


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def stepped(log: MemoryLog, clock: ManualClock) -> SteppedScheduler:
    return SteppedScheduler(log, clock=clock, random=Random(7), wallet=known_wallet(NODE))
