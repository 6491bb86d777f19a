"""Futures: settled once, awaited without blocking, read from any thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pykka
import pytest

from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import DeadlineExceededError

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_the_first_outcome_wins() -> None:
    future: Future[int] = Future()
    assert future.resolve(1)
    assert not future.resolve(2)
    assert not future.fail(ValueError())
    assert future.get() == 1
    assert future.error() is None


def test_setting_twice_is_an_error_as_in_pykka() -> None:
    future: Future[int] = Future()
    future.set(1)
    with pytest.raises(RuntimeError, match="settled already"):
        future.set(2)
    with pytest.raises(RuntimeError, match="settled already"):
        future.set_exception((ValueError, ValueError(), None))


def test_set_exception_takes_the_error_that_is_being_handled() -> None:
    future: Future[int] = Future()
    with pytest.raises(RuntimeError, match="no exception"):
        future.set_exception()
    try:
        raise KeyError("k")
    except KeyError:
        future.set_exception()
    with pytest.raises(KeyError):
        future.get()


def test_a_callback_runs_once_before_or_after_the_outcome() -> None:
    future: Future[int] = Future()
    seen: list[str] = []
    future.add_done_callback(lambda _: seen.append("before"))
    assert seen == []
    future.resolve(1)
    future.add_done_callback(lambda _: seen.append("after"))
    assert seen == ["before", "after"]


def test_a_failing_callback_does_not_keep_the_others_from_running(
    caplog: pytest.LogCaptureFixture,
) -> None:
    future: Future[int] = Future()
    seen: list[int] = []

    def fail(_: Future[int]) -> None:
        raise ValueError("boom")

    future.add_done_callback(fail)
    future.add_done_callback(lambda one: seen.append(one.get()))
    assert future.resolve(3)
    assert seen == [3]
    assert [record.message for record in caplog.records] == ["callback of a future failed"]


def test_a_coroutine_waits_without_blocking_its_loop(run: Run) -> None:
    async def main() -> None:
        future: Future[int] = Future()
        asyncio.get_running_loop().call_soon(future.resolve, 5)
        assert await future == 5
        assert await future == 5, "a settled future answers at once, again and again"

    run(main())


def test_an_outcome_from_another_thread_wakes_the_coroutine(run: Run) -> None:
    async def main() -> None:
        futures: list[Future[int]] = [Future() for _ in range(50)]
        threading.Thread(target=lambda: [f.resolve(i) for i, f in enumerate(futures)]).start()
        assert [await future for future in futures] == list(range(50))

    run(main())


def test_a_cancelled_wait_leaves_the_future_to_others(run: Run) -> None:
    async def main() -> None:
        future: Future[int] = Future()

        async def wait() -> int:
            return await future

        impatient, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        future.resolve(1)
        assert await patient == 1
        with pytest.raises(asyncio.CancelledError):
            await impatient

    run(main())


def test_an_outcome_after_the_loop_is_closed_goes_nowhere() -> None:
    future: Future[int] = Future()
    loop = asyncio.new_event_loop()

    async def wait() -> int:
        return await future

    task = loop.create_task(wait())
    loop.call_soon(loop.stop)
    loop.run_forever()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert future.resolve(1)


def test_get_refuses_to_block_a_running_loop(run: Run) -> None:
    async def main() -> None:
        future: Future[int] = Future()
        with pytest.raises(RuntimeError, match="await the future"):
            future.get()
        future.resolve(1)
        assert future.get() == 1

    run(main())


def test_get_waits_for_another_thread_but_not_for_ever() -> None:
    future: Future[int] = Future()
    with pytest.raises(DeadlineExceededError):
        future.get(timeout=0)
    threading.Thread(target=future.resolve, args=(8,)).start()
    assert future.get(timeout=60) == 8


def test_pykkas_combinators_work_without_hooks(run: Run) -> None:
    async def main() -> None:
        numbers: Future[Iterable[int]] = Future()
        one: Future[int] = Future()
        doubled = one.map(lambda n: n * 2)
        odd = numbers.filter(lambda n: n % 2 == 1)
        total = numbers.reduce(lambda a, b: a + b, 100)
        both = one.join(doubled)
        numbers.resolve([1, 2, 3])
        one.resolve(4)
        assert await doubled == 8
        assert list(await odd) == [1, 3]
        assert await total == 106
        assert list(await both) == [4, 8]

    run(main())


def test_errors_pass_through_map_and_join() -> None:
    source: Future[int] = Future()
    good: Future[int] = Future()
    mapped, joined, broken = source.map(str), good.join(source), good.map(lambda n: 1 // n)
    source.fail(KeyError("lost"))
    assert not joined.done(), "join waits for all"
    good.resolve(0)
    for future in (mapped, joined):
        with pytest.raises(KeyError):
            future.get(timeout=0)
    with pytest.raises(ZeroDivisionError):
        broken.get(timeout=0)


def test_what_could_only_be_awaited_by_blocking_is_refused() -> None:
    future: Future[int] = Future()
    with pytest.raises(TypeError, match="no get hook"):
        future.set_get_hook(lambda _: 1)
    with pytest.raises(TypeError, match="without blocking"):
        future.join(pykka.ThreadingFuture())


def test_a_raised_error_does_not_keep_its_future_alive() -> None:
    """Without the collector: a failed ask must not wait for a full collection to go."""
    gc.disable()
    try:
        future: Future[int] = Future()
        gone = weakref.ref(future)
        future.fail(KeyError("k"))
        with pytest.raises(KeyError):
            future.get()
        del future
        assert gone() is None
    finally:
        gc.enable()
