"""The batcher: what goes together, what is refused, and an answer to every job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from seriatim.actors.runtime.batcher import BatchBounds, Batcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.formats.errors import LimitExceededError, OverloadedError, StoppingError

Run = Callable[[Coroutine[Any, Any, None]], None]


class HeldOffload:
    """Holds every batch until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[bytes], Future[Sequence[bytes]]]] = []
        self.is_closed = False

    def call(self, jobs: Sequence[bytes]) -> Future[Sequence[bytes]]:
        answer: Future[Sequence[bytes]] = Future()
        self.batches.append((list(jobs), answer))
        return answer

    async def close(self) -> None:
        for _, answer in self.batches:
            with suppress(StoppingError):
                await answer
        self.is_closed = True

    @property
    def seen(self) -> list[list[bytes]]:
        return [jobs for jobs, _ in self.batches]

    def let_go(self, number: int) -> None:
        jobs, answer = self.batches[number]
        answer.resolve([job.upper() for job in jobs])


class DeadOffload(HeldOffload):
    """Fails every batch inside of `call`."""

    def call(self, jobs: Sequence[bytes]) -> Future[Sequence[bytes]]:
        answer = super().call(jobs)
        answer.fail(StoppingError("planted"))
        return answer


class Bench:
    """A batcher whose `call_soon` waits for `turn`."""

    def __init__(
        self, offload: HeldOffload, *, fails_together: bool = False, **bounds: int
    ) -> None:
        self.due: list[Callable[[], None]] = []
        wide = {"queue_max": 9, "queue_max_bytes": 90, "batch_max": 9, "batch_max_bytes": 90}
        self.batcher: Batcher[bytes, bytes] = Batcher(
            offload,
            name="the queue",
            bounds=BatchBounds(**(wide | bounds)),
            size=len,
            call_soon=self.due.append,
            fails_together=fails_together,
        )

    def submit(self, *jobs: bytes) -> list[Future[bytes]]:
        return [self.batcher.submit(job) for job in jobs]

    def turn(self) -> None:
        for callback in [self.due.pop(0) for _ in range(len(self.due))]:
            callback()


def test_what_comes_in_one_turn_goes_together_and_is_answered_in_order() -> None:
    offload = HeldOffload()
    bench = Bench(offload)
    bench.batcher.check_room(1)
    answers = bench.submit(b"a", b"b", b"c")
    assert offload.seen == []
    assert len(bench.due) == 1, "one hop for all of them"
    bench.turn()
    assert offload.seen == [[b"a", b"b", b"c"]]
    offload.let_go(0)
    assert [answer.get() for answer in answers] == [b"A", b"B", b"C"]


def test_what_comes_while_a_batch_is_on_its_way_is_the_next_batch() -> None:
    offload = HeldOffload()
    bench = Bench(offload)
    bench.submit(b"a")
    bench.turn()
    bench.submit(b"b")
    bench.turn()
    bench.submit(b"c")
    bench.turn()
    assert (offload.seen, bench.batcher.waiting, bench.batcher.in_flight) == ([[b"a"]], 2, 1)
    offload.let_go(0)
    assert offload.seen == [[b"a"], [b"b", b"c"]]
    assert (bench.batcher.waiting, bench.batcher.waiting_bytes) == (0, 0)


def test_the_next_batch_is_on_its_way_before_anybody_hears_of_this_one() -> None:
    offload = HeldOffload()
    bench = Bench(offload)
    (first,) = bench.submit(b"a")
    bench.turn()
    bench.submit(b"b")
    seen: list[int] = []
    first.add_done_callback(lambda _: seen.append(len(offload.batches)))
    offload.let_go(0)
    assert seen == [2]


def test_a_batch_is_bounded_in_count_and_in_bytes() -> None:
    offload = HeldOffload()
    bench = Bench(offload, batch_max=2, batch_max_bytes=4, in_flight_max=9)
    bench.submit(b"a", b"b", b"c", b"dddd", b"e", b"fff", b"g")
    bench.turn()
    assert offload.seen == [[b"a", b"b"], [b"c"], [b"dddd"], [b"e", b"fff"], [b"g"]]


def test_a_full_queue_refuses_by_count_and_by_bytes() -> None:
    offload = HeldOffload()
    by_count, by_bytes = Bench(offload, queue_max=2), Bench(offload, queue_max_bytes=3)
    by_count.submit(b"a", b"b")
    by_bytes.submit(b"aaa")
    for bench in (by_count, by_bytes):
        with pytest.raises(OverloadedError, match="the queue is full"):
            bench.submit(b"c")
        bench.turn()
        bench.submit(b"c")


def test_a_job_that_fits_in_no_batch_is_refused() -> None:
    bench = Bench(HeldOffload(), batch_max_bytes=4)
    bench.submit(b"1234")
    with pytest.raises(LimitExceededError) as refusal:
        bench.submit(b"12345")
    assert (refusal.value.given, refusal.value.maximum) == (5, 4)


def test_several_batches_may_be_on_their_way() -> None:
    offload = HeldOffload()
    bench = Bench(offload, batch_max=1, in_flight_max=2)
    answers = bench.submit(b"a", b"b", b"c")
    bench.turn()
    assert offload.seen == [[b"a"], [b"b"]]
    offload.let_go(1)
    assert [answer.done() for answer in answers] == [False, True, False]
    assert offload.seen[2:] == [[b"c"]]


def test_a_failed_batch_fails_its_own_jobs_only() -> None:
    offload = HeldOffload()
    bench = Bench(offload)
    (lost,) = bench.submit(b"a")
    bench.turn()
    (kept,) = bench.submit(b"b")
    error = OSError("disk")
    offload.batches[0][1].fail(error)
    offload.let_go(1)
    assert lost.error() is error
    assert kept.get() == b"B"


def test_jobs_that_build_on_each_other_fail_together_before_any_new_one_goes_out() -> None:
    offload = HeldOffload()
    bench = Bench(offload, fails_together=True)
    first = bench.submit(b"a")
    bench.turn()
    waiting = bench.submit(b"b", b"c")
    seen: list[int] = []
    waiting[-1].add_done_callback(lambda _: seen.append(len(offload.batches)))
    error = OSError("disk")
    offload.batches[0][1].fail(error)
    assert [answer.error() for answer in first + waiting] == [error] * 3
    assert seen == [1]
    assert (bench.batcher.waiting, bench.batcher.waiting_bytes) == (0, 0)
    bench.submit(b"d")
    bench.turn()
    assert offload.seen == [[b"a"], [b"d"]]


def test_a_wrong_number_of_results_fails_the_batch() -> None:
    offload = HeldOffload()
    bench = Bench(offload)
    answers = bench.submit(b"a", b"b")
    bench.turn()
    offload.batches[0][1].resolve([b"A"])
    assert [str(answer.error()) for answer in answers] == ["1 results came back for 2 jobs"] * 2


def test_a_dead_offload_fails_a_long_queue_without_piling_up_calls() -> None:
    """An offload that answers inside of `call` must not recurse once per batch."""
    bench = Bench(DeadOffload(), queue_max=5_000, queue_max_bytes=5_000, batch_max=1)
    answers = bench.submit(*[b"a"] * 5_000)
    bench.turn()
    assert all(isinstance(answer.error(), StoppingError) for answer in answers)


def test_closing_hands_over_all_jobs_and_ends_when_they_are_answered(run: Run) -> None:
    async def main() -> None:
        offload = HeldOffload()
        bench = Bench(offload, batch_max=1)
        answers = bench.submit(b"a", b"b")
        closing = asyncio.create_task(bench.batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(StoppingError):
            bench.submit(b"c")
        with pytest.raises(StoppingError):
            bench.batcher.check_room(1)
        assert offload.seen == [[b"a"], [b"b"]], "the offload bounds the time that they have"
        offload.let_go(0)
        await asyncio.sleep(0)
        assert not closing.done()
        offload.let_go(1)
        await closing
        assert offload.is_closed
        assert [answer.get() for answer in answers] == [b"A", b"B"]

    run(main())


def test_many_coroutines_over_a_thread_each_get_their_own_result(run: Run) -> None:
    async def main() -> None:
        def reverse_all(jobs: Sequence[str]) -> list[str]:
            return [job[::-1] for job in jobs]

        offload = await ThreadOffload.start(lambda: reverse_all, name="reverse")
        batcher = Batcher(
            offload,
            name="reverse",
            bounds=BatchBounds(64, 10_000, 16, 1_000),
            size=len,
            call_soon=asyncio.get_running_loop().call_soon,
        )

        async def client(number: int) -> None:
            for turn in range(20):
                text = f"{number}-{turn}"
                assert await batcher.submit(text) == text[::-1]

        await asyncio.gather(*map(client, range(32)))
        await batcher.close()

    run(main())
