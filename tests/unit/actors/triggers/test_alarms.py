"""The heap of due times, against a map of them."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.triggers.alarms import Alarms
from seriatim.formats.limits import CLOCK_CHECK_MS, FIRES_DECIDED_AT_ONCE_MAX

NEVER = 10**9
KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
WAITS = st.one_of(st.none(), st.integers(0, 60_000))
SET = st.tuples(st.just("set"), KEYS, st.one_of(st.none(), st.integers(-50, 100_000)), WAITS)
ADVANCE = st.tuples(st.just("advance"), st.just(b""), st.integers(0, 40_000), st.none())
CLOCK = st.tuples(st.just("clock"), st.just(b""), st.integers(-50_000, 50_000), st.none())


@example([("set", b"a", None, 0), ("set", b"b", 0, None), ("advance", b"", 0, None)])
@given(st.lists(st.one_of(SET, ADVANCE, CLOCK), max_size=40))
def test_each_key_is_said_once_when_its_last_time_comes_or_its_wait_is_over(
    steps: list[tuple[str, bytes, int | None, int | None]],
) -> None:
    clock = ManualClock()
    rung: list[tuple[int, bytes, int, int]] = []

    def ring(key: bytes, due_ms: int, now_ms: int) -> None:
        rung.append((clock.monotonic_ms(), key, due_ms, now_ms))

    alarms = Alarms(clock, ring)
    waiting: dict[bytes, tuple[int, int]] = {}
    for kind, key, value, wait_ms in steps:
        start_ms, wall_ms = clock.monotonic_ms(), clock.now_ms()
        if kind == "clock":
            clock.set_now_ms(wall_ms + (value or 0))
        elif kind == "set":
            alarms.set(key, value, wait_ms=wait_ms)
            waiting.pop(key, None)
            if value is not None:
                waiting[key] = (value, start_ms + (NEVER if wait_ms is None else wait_ms))
        else:
            end_ms = start_ms + (value or 0)
            over = {
                key: (due_ms, max(min(due_ms - wall_ms + start_ms, over_ms), start_ms))
                for key, (due_ms, over_ms) in waiting.items()
            }
            rung.clear()
            clock.advance(value or 0)
            # A clock that was set forward is noticed somewhat later.
            late = {key for at_ms, key, *_ in rung if at_ms > over[key][1]}
            assert all(at_ms - over[key][1] <= CLOCK_CHECK_MS for at_ms, key, *_ in rung)
            assert all(over[key][1] == start_ms for key in late)
            assert all(
                (due_ms, now_ms) == (over[key][0], wall_ms + at_ms - start_ms)
                for at_ms, key, due_ms, now_ms in rung
            )
            said = [key for _, key, *_ in rung]
            assert len(said) == len(set(said))
            missing = {key for key, (_, at_ms) in over.items() if at_ms <= end_ms} - set(said)
            assert not missing or end_ms - start_ms < CLOCK_CHECK_MS
            waiting = {key: each for key, each in waiting.items() if key not in said}
        assert len(alarms) == len(waiting)


def test_a_wall_clock_that_is_set_forward_is_noticed() -> None:
    clock = ManualClock()
    rung: list[int] = []
    alarms = Alarms(clock, lambda _key, _due_ms, now_ms: rung.append(now_ms))
    alarms.set(b"far", 3_600_000)
    clock.set_now_ms(3_600_000)
    clock.advance(CLOCK_CHECK_MS)
    assert len(rung) == 1


def test_a_wall_clock_that_is_set_back_makes_nothing_early() -> None:
    clock = ManualClock(now_ms=1_000_000)
    rung: list[int] = []
    alarms = Alarms(clock, lambda _key, _due_ms, now_ms: rung.append(now_ms))
    alarms.set(b"near", 1_001_000)
    clock.set_now_ms(0)
    clock.advance(500_000)
    assert not rung
    clock.advance(501_000)
    assert rung == [1_001_000]


def test_a_wait_ends_though_the_wall_clock_is_set_back() -> None:
    clock = ManualClock(now_ms=1_000_000)
    rung: list[tuple[int, int]] = []
    alarms = Alarms(clock, lambda _key, due_ms, now_ms: rung.append((due_ms, now_ms)))
    alarms.set(b"interval", 1_001_000, wait_ms=1_100)
    clock.set_now_ms(0)
    clock.advance(1_099)
    assert not rung
    clock.advance(1)
    assert rung == [(1_001_000, 1_100)]
    assert not len(alarms)


def test_many_that_are_due_at_once_leave_the_loop_its_turns() -> None:
    clock = ManualClock()
    turns: list[int] = []
    alarms = Alarms(clock, lambda key, due_ms, now_ms: None)
    for number in range(3 * FIRES_DECIDED_AT_ONCE_MAX):
        alarms.set(number.to_bytes(4), 10)
    while len(alarms):
        clock.advance(10)
        turns.append(len(alarms))
        assert len(turns) < 10
    assert turns[-1] == 0


def test_what_is_held_is_said_later_and_times_that_were_changed_often_take_no_room() -> None:
    clock = ManualClock()
    rung: list[bytes] = []
    alarms = Alarms(clock, lambda key, _due_ms, _now_ms: rung.append(key))
    for due_ms in range(10_000):
        alarms.set(b"changed", 1_000_000 + due_ms)
    assert len(alarms._due._heap) < 100
    alarms.set(b"soon", 5)
    alarms.hold(is_held=True)
    clock.advance(10)
    assert not rung
    alarms.hold(is_held=False)
    clock.advance(0)
    assert rung == [b"soon"]
