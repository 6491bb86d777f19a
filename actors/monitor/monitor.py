"""The monitor: looks once in a period, and tells what it has seen to whoever wants to know.

It has nothing to write with, wherever it runs: in the node, or in an OS process of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import SchedulerError, StoppingError
from seriatim.formats.limits import MONITOR_LATE_PERIODS, MONITOR_PERIOD_MS
from seriatim.formats.monitor.episodes import Change, Episodes, Pulse
from seriatim.formats.monitor.view import Moment, Observer, view_of

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer
    from seriatim.formats.monitor.sight import Sight

_LOG: Final = logging.getLogger("seriatim.monitor")

T = TypeVar("T")

View = dict[str, Any]
"""See ``formats/monitor/view.py``."""


class Monitor:
    """Looks once in a period. Belongs to one event loop.

    Attributes:
        tick: how often it has looked by now: its own heartbeat.
        view: what it has seen last; ``None`` before that.
        has_ended: whether it looks no more.
        is_resting: whether the flag ``terminate`` is set: it looks for nothing but that.
        on_view: is told what each look has shown.
        on_change: is told when a worker's pulse changes: policies hang here, beside the monitor.
            What either raises is logged when it begins to, and is no matter of the monitor's.
        on_end: is called when it was told to end, by the flag ``terminate``. Who has nothing else
            to do ends it then; one that goes on rests until the flag is cleared.
    """

    def __init__(
        self,
        look: Callable[[], Sight],
        clock: Clock,
        *,
        home: str,
        pid: int,
        period_ms: int = MONITOR_PERIOD_MS,
        episodes: Episodes | None = None,
    ) -> None:
        """Look by *look*.

        Args:
            look: returns what there is to see; raises `SchedulerError` where it cannot.
            clock: for the period, and for how long workers were silent.
            home: see `Observer`.
            pid: as above.
            period_ms: of the first looks' beginnings; 1 or more.
            episodes: by which workers are slow or stale.
        """
        self._look = look
        self._clock = clock
        self._home = home
        self._pid = pid
        self._period_ms = period_ms
        self._episodes = episodes or Episodes()
        self.tick = 0
        self.view: View | None = None
        self.has_ended = False
        self.is_resting = False
        self.on_view: Callable[[View], object] = _no_matter
        self.on_change: Callable[[Change], object] = _no_matter
        self.on_end: Callable[[], object] = _nothing
        self._before: Moment | None = None
        self._timer: Timer | None = None
        self._due_ms = 0
        self._ticked_ms = clock.monotonic_ms()
        self._is_started = False
        self._is_blind = False
        self._failing: dict[int, object] = {}  # by their identity: they may have no hash
        self._waiting: list[Future[View]] = []

    def start(self) -> None:
        """Look now, and then once in each period."""
        self._due_ms = self._ticked_ms = self._clock.monotonic_ms()
        self._is_started = True
        self._ring()

    @property
    def is_late(self) -> bool:
        """Whether it has not looked for some periods, though it was to."""
        silent_ms = self._clock.monotonic_ms() - self._ticked_ms
        is_looking = self._is_started and not self.has_ended
        return is_looking and silent_ms > MONITOR_LATE_PERIODS * self._period_ms

    def look_now(self) -> View:
        """Return what there is to see: what was seen last, or now where it looks by no clock.

        Raises:
            SchedulerError: it cannot look.
        """
        if self.view is None or not self._is_started or self.has_ended or self.is_resting:
            self._see(Moment(self._look(), self._clock.monotonic_ms()))
        assert self.view is not None, "it has looked"
        return self.view

    def next_view(self) -> Future[View]:
        """Return what is settled with what it sees next; fails when it ends or rests before."""
        future: Future[View] = Future()
        if self.has_ended or self.is_resting:
            future.fail(_ended())
        else:
            self._waiting.append(future)
        return future

    def release(self) -> None:
        """Look no more. Idempotent."""
        self.has_ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._let_go()

    def _rest(self) -> None:
        self.is_resting = True
        self._let_go()
        self.on_end()

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.fail(_ended())

    def _arm(self) -> None:
        wait_ms = self._due_ms - self._clock.monotonic_ms()
        self._timer = self._clock.call_later(wait_ms, self._ring)

    def _ring(self) -> None:
        now_ms = self._clock.monotonic_ms()
        try:
            sight = self._look()
        except SchedulerError as error:
            self._say_blind(error)
        else:
            if self.is_resting and sight.flags.terminate:
                self._ticked_ms = now_ms
            else:
                self.is_resting = False
                self._see(Moment(sight, now_ms))
        finally:  # one look more or less, but not the last one
            self._go_on(now_ms)

    def _go_on(self, now_ms: int) -> None:
        # No drift; what was missed is not looked at later.
        self._due_ms += ((now_ms - self._due_ms) // self._period_ms + 1) * self._period_ms
        if not self.has_ended:
            self._arm()

    def _see(self, now: Moment) -> None:
        self.tick += 1
        self._ticked_ms = now.monotonic_ms
        self._is_blind = False
        beats = {beat.status.worker: beat.status.beat for beat in now.sight.beats}
        for change in self._episodes.see(beats, now.monotonic_ms):
            _say(change)
            self._tell(self.on_change, change)
        observer = Observer(self._home, self._pid, self.tick, self._period_ms)
        view = self.view = view_of(observer, now, self._episodes, self._before)
        self._before = now
        self._tell(self.on_view, view)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.resolve(view)
        if now.sight.flags.terminate and self._is_started and not self.is_resting:
            self._rest()

    def _say_blind(self, error: SchedulerError) -> None:
        if not self._is_blind:
            _LOG.warning("the monitor cannot look: %s", error)
        self._is_blind = True

    def _tell(self, policy: Callable[[T], object], news: T) -> None:
        """Have *policy* hear *news*; it is somebody's, and what it raises ends no monitor."""
        try:
            policy(news)
        except Exception:  # noqa: BLE001  # as above
            if id(policy) not in self._failing:  # else each look would say so
                _LOG.exception("a policy that hangs on the monitor has failed")
            self._failing[id(policy)] = policy
        else:
            self._failing.pop(id(policy), None)


def _say(change: Change) -> None:
    """Log one warning in an episode, and one line when it is over."""
    extra = {"worker": change.worker, "silent_ms": change.silent_ms}
    if change.after is Pulse.STALE:
        _LOG.warning(
            "worker %s is stale: not heard of for %d ms",
            change.worker,
            change.silent_ms,
            extra=extra,
        )
    elif change.before is Pulse.STALE:
        _LOG.warning("worker %s is back after %d ms", change.worker, change.silent_ms, extra=extra)


def _ended() -> StoppingError:
    return StoppingError("the monitor looks no more: its node ends, or the flag terminate is set")


def _no_matter(news: object) -> None:
    """Do nothing about *news*."""


def _nothing() -> None:
    """Do nothing."""
