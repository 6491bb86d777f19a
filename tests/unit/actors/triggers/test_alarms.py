"""The heap of due times, against a map of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.triggers.alarms import Alarms
from seriatim.formats.limits import CLOCK_CHECK_MS, FIRES_DECIDED_AT_ONCE_MAX

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
SET = st.tuples(st.just("set"), KEYS, st.one_of(st.none(), st.integers(-50, 100_000)))
ADVANCE = st.tuples(st.just("advance"), st.just(b""), st.integers(0, 40_000))


@given(st.lists(st.one_of(SET, ADVANCE), max_size=40))
def test_each_key_is_said_once_when_its_last_time_comes(
    steps: list[tuple[str, bytes, int | None]],
) -> None:
    clock = ManualClock()
    rung: list[tuple[int, bytes]] = []
    alarms = Alarms(clock, lambda key, now_ms: rung.append((now_ms, key)))
    due: dict[bytes, int] = {}
    for kind, key, value in steps:
        if kind == "set":
            alarms.set(key, value)
            due.pop(key, None)
            if value is not None:
                due[key] = value
            continue
        start_ms, end_ms = clock.now_ms(), clock.now_ms() + (value or 0)
        expected = sorted(
            (max(each_ms, start_ms), key) for key, each_ms in due.items() if each_ms <= end_ms
        )
        rung.clear()
        clock.advance(value or 0)
        assert sorted(rung) == expected
        due = {key: each_ms for key, each_ms in due.items() if each_ms > end_ms}
        assert len(alarms) == len(due)


def test_a_wall_clock_that_is_set_forward_is_noticed() -> None:
    clock = ManualClock()
    rung: list[int] = []
    alarms = Alarms(clock, lambda _key, now_ms: rung.append(now_ms))
    alarms.set(b"far", 3_600_000)
    clock.set_now_ms(3_600_000)
    clock.advance(CLOCK_CHECK_MS)
    assert len(rung) == 1


def test_a_wall_clock_that_is_set_back_makes_nothing_early() -> None:
    clock = ManualClock(now_ms=1_000_000)
    rung: list[int] = []
    alarms = Alarms(clock, lambda _key, now_ms: rung.append(now_ms))
    alarms.set(b"near", 1_001_000)
    clock.set_now_ms(0)
    clock.advance(500_000)
    assert not rung
    clock.advance(501_000)
    assert rung == [1_001_000]


def test_many_that_are_due_at_once_leave_the_loop_its_turns() -> None:
    clock = ManualClock()
    turns: list[int] = []
    alarms = Alarms(clock, lambda key, now_ms: None)
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
    alarms = Alarms(clock, lambda key, _now_ms: rung.append(key))
    for due_ms in range(10_000):
        alarms.set(b"changed", 1_000_000 + due_ms)
    assert len(alarms._heap) < 100
    alarms.set(b"soon", 5)
    alarms.hold(is_held=True)
    clock.advance(10)
    assert not rung
    alarms.hold(is_held=False)
    clock.advance(0)
    assert rung == [b"soon"]
