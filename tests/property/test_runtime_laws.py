"""Laws of the runtime's single-threaded parts: the manual clock, deadlines, frames."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.deadline import Deadlines
from seriatim.actors.runtime.frame import FrameReader, Kind, encode_frame
from seriatim.actors.runtime.future import Future
from seriatim.formats.limits import DEADLINE_GRAIN_MS

delays = st.integers(0, 500)


@given(timers=st.lists(delays), moves=st.lists(st.integers(0, 200), min_size=1))
def test_timers_fire_once_in_order_of_due_time_then_of_setting(
    timers: list[int], moves: list[int]
) -> None:
    clock = ManualClock()
    fired: list[tuple[int, int]] = []

    def note(number: int) -> None:
        fired.append((clock.monotonic_ms(), number))

    for number, delay_ms in enumerate(timers):
        clock.call_later(delay_ms, partial(note, number))
    for move_ms in moves:
        clock.advance(move_ms)
    due = sorted((delay_ms, number) for number, delay_ms in enumerate(timers))
    assert fired == [one for one in due if one[0] <= sum(moves)]


@given(timers=st.lists(delays), moves=st.lists(st.integers(0, 200), min_size=1))
def test_how_an_advance_is_cut_does_not_matter(timers: list[int], moves: list[int]) -> None:
    """Timers that set timers included: one long advance is the same as many short ones."""

    def run(advances: list[int]) -> list[tuple[int, int]]:
        clock = ManualClock()
        fired: list[tuple[int, int]] = []

        def fire(number: int, again_ms: int) -> None:
            fired.append((clock.monotonic_ms(), number))
            if again_ms:
                clock.call_later(again_ms, partial(fire, number, again_ms // 2))

        for number, delay_ms in enumerate(timers):
            clock.call_later(delay_ms, partial(fire, number, delay_ms))
        for move_ms in advances:
            clock.advance(move_ms)
        return fired

    assert run(moves) == run([sum(moves)])


@given(
    moves=st.lists(st.tuples(st.integers(0, 1000), st.integers(-(10**12), 10**12))),
    delay_ms=delays,
)
def test_timers_and_monotonic_time_do_not_see_the_wall_clock_jump(
    moves: list[tuple[int, int]], delay_ms: int
) -> None:
    clock = ManualClock(now_ms=1_700_000_000_000)
    fired: list[int] = []
    clock.call_later(delay_ms, lambda: fired.append(clock.monotonic_ms()))
    elapsed_ms = 0
    for move_ms, wall_ms in moves:
        clock.set_now_ms(wall_ms)
        clock.advance(move_ms)
        elapsed_ms += move_ms
        assert clock.now_ms() == wall_ms + move_ms
        assert clock.monotonic_ms() == elapsed_ms
    assert fired == ([delay_ms] if moves and delay_ms <= elapsed_ms else [])


@given(
    asks=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 5_000), st.booleans())),
    settle_ms=st.integers(0, 5_000),
)
def test_every_ask_ends_answered_or_at_its_deadline(
    asks: list[tuple[int, int, bool]], settle_ms: int
) -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    ended: dict[int, int] = {}
    expected: list[tuple[int, int, bool]] = []

    def note(number: int, _: Future[int]) -> None:
        ended[number] = clock.monotonic_ms()

    for number, (wait_ms, deadline_ms, is_answered) in enumerate(asks):
        clock.advance(wait_ms)
        future: Future[int] = Future()
        if deadlines.watch(future, "it", deadline_ms):
            deadlines.arm()
        future.add_done_callback(partial(note, number))
        expected.append((clock.monotonic_ms(), deadline_ms, is_answered))
        if is_answered:
            clock.call_later(settle_ms, partial(future.resolve, 1))
    clock.advance(20_000)
    for number, (start_ms, deadline_ms, is_answered) in enumerate(expected):
        took_ms = ended[number] - start_ms
        if is_answered and took_ms == settle_ms:
            assert settle_ms <= deadline_ms + DEADLINE_GRAIN_MS
        else:
            assert deadline_ms <= took_ms < deadline_ms + DEADLINE_GRAIN_MS
    assert deadlines.watched == 0
    assert clock.due_ms() is None


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    frames=st.lists(st.tuples(st.sampled_from(Kind), plain), max_size=5),
    cuts=st.lists(st.integers(1, 50), min_size=1),
)
def test_frames_survive_every_way_of_cutting_the_stream(
    frames: list[tuple[Kind, object]], cuts: list[int]
) -> None:
    stream = b"".join(encode_frame(kind, payload) for kind, payload in frames)
    reader = FrameReader()
    got: list[tuple[Kind, object]] = []
    number = 0
    while stream:
        cut = cuts[number % len(cuts)]
        number += 1
        reader.feed(stream[:cut])
        stream = stream[cut:]
        while (one := reader.next_frame()) is not None:
            got.append(one)
    assert got == frames
