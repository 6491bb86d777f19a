"""The thread offload: in order, on one thread, and never silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from seriatim.actors.runtime.offload import BatchHandler, Offload, ThreadOffload
from seriatim.formats.errors import StoppingError

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_batches_are_handled_in_order_on_the_thread_that_made_the_handler(run: Run) -> None:
    async def main() -> None:
        seen: list[Sequence[int]] = []

        def factory() -> BatchHandler[int, str]:
            maker = threading.current_thread()

            def handle(jobs: Sequence[int]) -> list[str]:
                assert threading.current_thread() is maker
                seen.append(jobs)
                return [str(job) for job in jobs]

            return handle

        offload: Offload[int, str] = await ThreadOffload.start(factory, name="digits")
        answers = [offload.call([number, number + 1]) for number in range(0, 100, 2)]
        assert [text for answer in answers for text in await answer] == [
            str(number) for number in range(100)
        ]
        assert seen == [[number, number + 1] for number in range(0, 100, 2)]
        await offload.close()

    run(main())


def test_futures_are_settled_on_the_loops_thread(run: Run) -> None:
    async def main() -> None:
        offload: ThreadOffload[int, int] = await ThreadOffload.start(lambda: list, name="echo")
        threads: list[threading.Thread] = []
        answer = offload.call([1])
        answer.add_done_callback(lambda _: threads.append(threading.current_thread()))
        await answer
        assert threads == [threading.current_thread()]
        await offload.close()

    run(main())


def test_a_raising_handler_fails_its_batch_and_goes_on(run: Run) -> None:
    async def main() -> None:
        def invert(jobs: Sequence[int]) -> list[float]:
            return [1 / job for job in jobs]

        offload = await ThreadOffload.start(lambda: invert, name="invert")
        bad, good = offload.call([1, 0]), offload.call([2])
        with pytest.raises(ZeroDivisionError):
            await bad
        assert await good == [0.5]
        await offload.close()

    run(main())


def test_a_factory_that_raises_leaves_no_thread(run: Run) -> None:
    async def main() -> None:
        def factory() -> BatchHandler[int, int]:
            raise OSError("no store")

        before = threading.active_count()
        with pytest.raises(OSError, match="no store"):
            await ThreadOffload.start(factory, name="none")
        assert threading.active_count() == before

    run(main())


def test_closing_finishes_what_was_taken_and_leaves_no_thread(run: Run) -> None:
    async def main() -> None:
        before = threading.active_count()
        offload: ThreadOffload[int, int] = await ThreadOffload.start(lambda: list, name="echo")
        answers = [offload.call([number]) for number in range(20)]
        await asyncio.gather(offload.close(), offload.close())
        assert [answer.get() for answer in answers] == [[number] for number in range(20)]
        assert threading.active_count() == before
        with pytest.raises(StoppingError):
            await offload.call([1])
        await offload.close()

    run(main())
