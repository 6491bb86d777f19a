"""Thresholds: a metric of the node, or a number in what a process computes, sampled over time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.runtime.clock import pause
from seriatim.formats.errors import UnavailableError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import JSON_INTEGER_MAX
from seriatim.formats.watches.event import NoEvent
from seriatim.formats.watches.spec import bad_watch, is_number
from seriatim.formats.watches.threshold import (
    Phase,
    Sample,
    Threshold,
    ThresholdSpec,
    decode_threshold_mark,
    encode_threshold_mark,
    read_threshold_spec,
    step,
    threshold_event,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.watches.watch import Watch, World
    from seriatim.formats.message import Value
    from seriatim.formats.watches.event import Event

_SHOWN_CHARS: Final = 80


class ThresholdKind:
    """The kind ``threshold``; see ``docs/watches.md``."""

    name = "threshold"

    def check(self, spec: Mapping[str, Value]) -> None:
        """See `WatchKind.check`."""
        read_threshold_spec(spec)

    def open(self, spec: Mapping[str, Value], world: World) -> Watch:
        """See `WatchKind.open`."""
        found = read_threshold_spec(spec)
        read = _metric(found, world) if found.metric else _computed(found, world)
        return ThresholdWatch(found, read, world.clock)


class ThresholdWatch:
    """Samples one value. See `Watch`.

    What is over and back again between two samples, or while the event before is made durable, is
    not seen.
    """

    def __init__(
        self, spec: ThresholdSpec, read: Callable[[], Awaitable[float]], clock: Clock
    ) -> None:
        """Have *read* give the value that *spec* is for."""
        self._spec = spec
        self._read = read
        self._clock = clock

    async def first_mark(self) -> bytes:
        """See `Watch.first_mark`. What is over already is an event, too."""
        return encode_threshold_mark(Threshold())

    async def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:
        """See `Watch.events`.

        Raises:
            UnavailableError: there is no number to be read; code ``no_reading``.
            SchedulerError: the process cannot be computed.
        """
        state = decode_threshold_mark(mark)
        while True:
            value = await self._read()
            sample = Sample(value, self._clock.now_ms(), self._clock.monotonic_ms())
            before = state.phase
            state, has_fired = step(self._spec.level, state, sample)
            if has_fired:
                yield threshold_event(self._spec, state, value)
            elif before is Phase.FIRED and state.phase is not Phase.FIRED:
                # The next crossing counts, also where a restart comes before it.
                yield NoEvent(encode_threshold_mark(state))
            await pause(self._clock, self._spec.every_ms)


def _metric(spec: ThresholdSpec, world: World) -> Callable[[], Awaitable[float]]:
    reading = world.metrics.get(spec.metric)
    if reading is None:
        names = ", ".join(sorted(world.metrics))
        raise bad_watch("metric", f"a metric of this node ({names})", spec.metric)
    what = f"the metric {spec.metric}"

    async def read() -> float:
        try:
            return _number(reading(), what)
        except (OSError, RuntimeError) as error:
            raise _no_reading(what, f"cannot be read: {error}") from error

    return read


def _computed(spec: ThresholdSpec, world: World) -> Callable[[], Awaitable[float]]:
    compute = world.compute
    if compute is None:
        raise UnsupportedError(
            "this node computes nothing, so there is no state to watch; give it folds (--compute), "
            "or watch a metric"
        )
    what = f"{'.'.join(spec.key)} in the state of process {encode_id(spec.process)}"

    async def read() -> float:
        return _number(_at(await compute(spec.process), spec.key, what), what)

    return read


def _at(state: Any, key: tuple[str, ...], what: str) -> Any:
    """Return what *state* has at the end of the steps of *key*."""
    for depth, part in enumerate(key):
        if not isinstance(state, Mapping) or part not in state:
            there = sorted(map(str, state)) if isinstance(state, Mapping) else ()
            found = f"keys {', '.join(there)}"[:_SHOWN_CHARS] if there else "no keys"
            where = ".".join(key[:depth]) or "the state"
            raise _no_reading(what, f"is not there: {where} has {found}")
        state = state[part]
    return state


def _number(value: object, what: str) -> float:
    if is_number(value) and -JSON_INTEGER_MAX <= value <= JSON_INTEGER_MAX:
        return value
    raise _no_reading(what, f"is {repr(value)[:_SHOWN_CHARS]}, and no number")


def _no_reading(what: str, reason: str) -> UnavailableError:
    return UnavailableError(
        f"{what} {reason}; it is tried again, or watch another one", code="no_reading"
    )
