"""The monitor's loop: by a clock, with a heartbeat of its own, and it ends when it is told to."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.monitor.monitor import Monitor
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import StoppingError, StoreError
from seriatim.formats.limits import MONITOR_PERIOD_MS, WORKER_SLOW_MS, WORKER_STALE_MS
from seriatim.formats.monitor.beat import Beat
from seriatim.formats.monitor.episodes import Change
from seriatim.formats.monitor.flags import Flags
from seriatim.formats.monitor.sight import Sight
from tests.support.sights import queue_of, sight_of
from tests.support.statuses import status_of


class Scene:
    """What there is to see, and a monitor that sees it."""

    def __init__(self, period_ms: int = MONITOR_PERIOD_MS) -> None:
        self.clock = ManualClock(now_ms=10_000_000)
        self.sight: Sight = sight_of(queue_of("q", 1))
        self.error: Exception | None = None
        self.looks = 0
        self.monitor = Monitor(self.look, self.clock, home="node", pid=1, period_ms=period_ms)

    def look(self) -> Sight:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.sight

    def beat(self, number: int) -> None:
        """Have a worker say that it is there."""
        self.sight = sight_of(beats=[Beat(status_of("w", number), self.clock.now_ms())])


@given(st.integers(1, 5_000), st.integers(0, 50))
def test_it_looks_n_times_in_n_periods(period_ms: int, periods: int) -> None:
    scene = Scene(period_ms)
    scene.monitor.start()
    assert scene.monitor.tick == 1
    scene.clock.advance(periods * period_ms)
    assert scene.monitor.tick == scene.looks == 1 + periods
    view = scene.monitor.view
    assert view is not None
    assert view["observer"]["tick"] == scene.monitor.tick


def test_there_is_one_warning_in_an_episode_and_one_line_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "seriatim.monitor")
    scene = Scene()
    changes: list[Change] = []
    scene.monitor.on_change = changes.append
    scene.beat(1)
    scene.monitor.start()
    scene.clock.advance(WORKER_STALE_MS)
    assert caplog.messages == []
    scene.clock.advance(10 * WORKER_STALE_MS)
    # A wall clock that is set does not bring it back, nor does a word that was said before.
    scene.clock.set_now_ms(5)
    scene.beat(1)
    scene.clock.advance(5 * MONITOR_PERIOD_MS)
    [record] = caplog.records
    assert record.getMessage() == "worker w is stale: not heard of for 31000 ms"
    assert vars(record)["worker"] == "w"
    scene.beat(2)
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert [line.partition(" after")[0] for line in caplog.messages[1:]] == ["worker w is back"]
    assert [change.after.value for change in changes] == ["slow", "stale", "ok"]


def test_a_slow_worker_is_shown_and_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.beat(1)
    scene.monitor.start()
    scene.clock.advance(WORKER_SLOW_MS + MONITOR_PERIOD_MS)
    view = scene.monitor.look_now()
    assert [(each["pulse"], each["silent_ms"]) for each in view["workers"]] == [("slow", 11_000)]
    assert caplog.messages == []


def test_a_monitor_that_cannot_look_says_so_once_and_its_heartbeat_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.monitor.start()
    scene.error = StoreError("gone")
    late = []
    for _ in range(4):
        scene.clock.advance(MONITOR_PERIOD_MS)
        late.append(scene.monitor.is_late)
    assert late == [False, False, False, True]
    assert (scene.monitor.tick, caplog.messages) == (1, ["the monitor cannot look: gone"])
    scene.error = None
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert scene.monitor.tick == 2


def test_what_was_missed_is_not_looked_at_later() -> None:
    scene = Scene()
    scene.monitor.start()
    timer = scene.clock._timers[0]
    timer.due_ms += 7 * MONITOR_PERIOD_MS  # the OS process was stopped, say
    scene.clock.advance(8 * MONITOR_PERIOD_MS)
    assert scene.monitor.tick == 2
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert scene.monitor.tick == 3


def test_the_flag_terminate_has_it_rest_within_a_period_until_it_is_cleared() -> None:
    scene = Scene()
    ended: list[bool] = []
    scene.monitor.on_end = lambda: ended.append(True)
    scene.monitor.start()
    scene.sight = scene.sight._replace(flags=Flags(stop=True))
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert not scene.monitor.is_resting, "stop is for whoever takes jobs in"
    waiting = scene.monitor.next_view()
    scene.sight = scene.sight._replace(flags=Flags(terminate=True))
    scene.clock.advance(9 * MONITOR_PERIOD_MS)
    assert (scene.monitor.is_resting, ended, scene.monitor.tick) == (True, [True], 3)
    assert waiting.get()["flags"]["terminate"], "the look that has seen it is told"
    assert isinstance(scene.monitor.next_view().error(), StoppingError)
    assert not scene.monitor.is_late, "it looks for the flag"
    assert scene.monitor.look_now()["flags"]["terminate"]
    assert ended == [True]
    scene.sight = scene.sight._replace(flags=Flags())
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert (scene.monitor.is_resting, scene.monitor.tick) == (False, 5)


def test_whoever_waits_is_told_once_by_each_look_and_at_the_end() -> None:
    async def main() -> None:
        scene = Scene()
        scene.monitor.start()
        first, second = scene.monitor.next_view(), scene.monitor.next_view()
        scene.clock.advance(MONITOR_PERIOD_MS)
        assert (await first)["observer"]["tick"] == (await second)["observer"]["tick"] == 2
        last = scene.monitor.next_view()
        scene.monitor.release()
        scene.monitor.release()
        for each in (last, scene.monitor.next_view()):
            with pytest.raises(StoppingError):
                await each

    asyncio.run(main())


def test_a_monitor_that_nobody_has_started_looks_when_it_is_asked() -> None:
    scene = Scene()
    assert scene.monitor.look_now()["slots"] == {"q": 1}
    scene.sight = sight_of(queue_of("q", 2))
    assert scene.monitor.look_now()["slots"] == {"q": 2}
    assert (scene.monitor.tick, scene.clock.due_ms(), scene.monitor.is_late) == (2, None, False)
    scene.monitor.start()
    scene.sight = sight_of(queue_of("q", 3))
    assert scene.monitor.look_now()["slots"] == {"q": 2}, "as of its last look"


@pytest.mark.parametrize("where", ["on_view", "on_change"])
def test_a_policy_that_raises_ends_nothing(where: str, caplog: pytest.LogCaptureFixture) -> None:
    def away(_: object) -> None:
        raise OSError("a webhook is away")

    scene = Scene()
    scene.beat(1)
    setattr(scene.monitor, where, away)
    scene.monitor.start()
    seen = scene.monitor.next_view()
    scene.clock.advance(2 * WORKER_SLOW_MS)
    assert scene.monitor.tick == 1 + 2 * WORKER_SLOW_MS // MONITOR_PERIOD_MS
    assert not scene.monitor.is_late
    assert seen.get()["observer"]["tick"] == 2
    assert "a webhook is away" in caplog.text


def test_a_policy_that_always_raises_is_logged_once_until_it_has_succeeded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_away = True

    def webhook(_: object) -> None:
        if is_away:
            raise OSError("a webhook is away")

    scene = Scene()
    scene.monitor.on_view = webhook
    scene.monitor.start()
    scene.clock.advance(5 * MONITOR_PERIOD_MS)
    assert len(caplog.records) == 1
    is_away = False
    scene.clock.advance(MONITOR_PERIOD_MS)
    is_away = True
    scene.clock.advance(5 * MONITOR_PERIOD_MS)
    assert len(caplog.records) == 2


def test_a_look_that_fails_as_nobody_has_thought_of_is_not_the_last_one() -> None:
    scene = Scene()
    scene.monitor.start()
    scene.error = RuntimeError("a defect")
    with pytest.raises(RuntimeError):
        scene.clock.advance(MONITOR_PERIOD_MS)
    scene.error = None
    scene.clock.advance(MONITOR_PERIOD_MS)
    assert scene.monitor.tick == 2
