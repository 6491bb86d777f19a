"""Thresholds: when a value has crossed a level, for long enough, and once for each crossing.

=========  ===============================  =========================  =====================
state      a sample beyond the level        between level and clear    at clear, or behind it
=========  ===============================  =========================  =====================
``ARMED``  ``OVER``, since now              ``ARMED``                  ``ARMED``
``OVER``   held for long: event, ``FIRED``  ``ARMED``                  ``ARMED``
           else ``OVER``
``FIRED``  ``FIRED``                        ``FIRED``                  ``ARMED``
=========  ===============================  =========================  =====================

Where nothing has to be held, one sample takes ``ARMED`` through ``OVER`` to ``FIRED``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from seriatim.formats.codecs.cbor import dump_plain, load_map
from seriatim.formats.errors import MalformedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import THRESHOLD_EVERY_DEFAULT_MS, THRESHOLD_EVERY_MIN_MS
from seriatim.formats.message import Value
from seriatim.formats.watches.event import Event, bad_mark
from seriatim.formats.watches.spec import SpecReader, bad_watch


class Level(NamedTuple):
    """What a value crosses.

    Attributes:
        is_above: whether values above it are beyond it; else those below.
        at: the level itself, which is not beyond it.
        clear: from where on (inclusive) a value is back; not beyond the level.
        hold_ms: how long a value has to be beyond the level.
    """

    is_above: bool
    at: float
    clear: float
    hold_ms: int = 0

    def is_beyond(self, value: float) -> bool:
        """Tell whether *value* is beyond the level."""
        return value > self.at if self.is_above else value < self.at

    def is_back(self, value: float) -> bool:
        """Tell whether *value* arms the threshold again."""
        return value <= self.clear if self.is_above else value >= self.clear


class Sample(NamedTuple):
    """A value, and when it was read: by the wall clock, and by the monotonic one."""

    value: float
    now_ms: int
    monotonic_ms: int


class Phase(Enum):
    """Where a threshold stands; see the table above."""

    ARMED = "armed"
    OVER = "over"
    FIRED = "fired"


class Threshold(NamedTuple):
    """A threshold between two samples.

    Attributes:
        phase: where it stands.
        since_ms: when the last crossing began, Unix milliseconds; 0 for none.
        held_ms: the same on the monotonic clock; only of use while it is ``OVER``.
    """

    phase: Phase = Phase.ARMED
    since_ms: int = 0
    held_ms: int = 0


def step(level: Level, before: Threshold, sample: Sample) -> tuple[Threshold, bool]:
    """Return the threshold behind *sample*, and whether that is an event.

    Crossings never begin at the same instant, nor go back in time, whatever the wall clock does:
    the instant names the event.
    """
    if before.phase is Phase.FIRED:
        armed = before._replace(phase=Phase.ARMED)
        return (armed if level.is_back(sample.value) else before), False
    if not level.is_beyond(sample.value):
        return before._replace(phase=Phase.ARMED), False
    over = before
    if before.phase is Phase.ARMED:
        since_ms = max(sample.now_ms, before.since_ms + 1)
        over = Threshold(Phase.OVER, since_ms, sample.monotonic_ms)
    if sample.monotonic_ms - over.held_ms < level.hold_ms:
        return over, False
    return over._replace(phase=Phase.FIRED), True


def encode_threshold_mark(state: Threshold) -> bytes:
    """Return the watch mark of *state*.

    What is only ``OVER`` is ``ARMED`` after a restart: nobody has seen that it was held meanwhile.
    """
    return dump_plain({"has-fired": state.phase is Phase.FIRED, "since-ms": state.since_ms})


def decode_threshold_mark(mark: bytes) -> Threshold:
    """Return the state in *mark*; an armed threshold for no bytes.

    Raises:
        MalformedError: it is no such mark; code ``bad_mark``.
    """
    if not mark:
        return Threshold()
    try:
        plain = load_map(mark)
    except MalformedError as error:
        raise bad_mark(str(error)) from error
    match plain:
        case {"has-fired": bool(has_fired), "since-ms": int(since_ms)}:
            return Threshold(Phase.FIRED if has_fired else Phase.ARMED, since_ms)
    raise bad_mark("it has no has-fired and since-ms")


class ThresholdSpec(NamedTuple):
    """The spec of one threshold.

    Attributes:
        metric: name of a metric of the node; empty for the state of a process.
        process: id of the process, 32 raw bytes; empty for a metric.
        key: the steps to a number in the state of the process.
        level: what is crossed.
        every_ms: how often a sample is taken.
    """

    metric: str
    process: bytes
    key: tuple[str, ...]
    level: Level
    every_ms: int


def read_threshold_spec(spec: Mapping[str, Value]) -> ThresholdSpec:
    """Return the spec of a threshold.

    Raises:
        MalformedError: it is none; code ``bad_watch``.
    """
    reader = SpecReader(spec)
    if reader.has("metric") == reader.has("process"):
        raise bad_watch("metric", "either metric, or process and key", spec.get("metric"))
    is_metric = reader.has("metric")
    found = ThresholdSpec(
        reader.text("metric") if is_metric else "",
        b"" if is_metric else reader.process("process"),
        () if is_metric else tuple(reader.text("key").split(".")),
        _read_level(reader),
        reader.span_ms(
            "every", default_ms=THRESHOLD_EVERY_DEFAULT_MS, least_ms=THRESHOLD_EVERY_MIN_MS
        ),
    )
    reader.end()
    return found


def _read_level(reader: SpecReader) -> Level:
    is_above = reader.has("above")
    if is_above == reader.has("below"):
        raise bad_watch("above", "either above or below", "both" if is_above else None)
    at = reader.number("above" if is_above else "below")
    clear = reader.number("clear") if reader.has("clear") else at
    level = Level(is_above, at, clear, reader.span_ms("for", default_ms=0))
    if level.is_beyond(clear):
        raise bad_watch("clear", f"{'at most' if is_above else 'at least'} {at}", clear)
    return level


def threshold_event(spec: ThresholdSpec, state: Threshold, value: float) -> Event:
    """Return the event for a crossing: *state* has just fired, at *value*.

    Its key is the instant at which the crossing began.
    """
    side = "above" if spec.level.is_above else "below"
    fields: dict[str, Value] = {"value": value, side: spec.level.at, "since-ms": state.since_ms}
    if spec.metric:
        fields["metric"] = spec.metric
    else:
        fields |= {"process": encode_id(spec.process), "state-key": ".".join(spec.key)}
    return Event(str(state.since_ms), fields, encode_threshold_mark(state))
