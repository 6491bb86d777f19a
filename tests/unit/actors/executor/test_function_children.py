"""Functions in children: their answers, their bad ends, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from seriatim.actors.executor import warm_child
from seriatim.actors.executor.world import inherited
from seriatim.formats.errors import StoppingError
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending
from seriatim.formats.limits import JOB_STOP_GRACE_MS, JOB_TRACEBACK_MAX_CHARS
from tests.support.executing import Children, descendants, descriptors, is_alive

Run = Callable[[Coroutine[Any, Any, None]], None]


async def child_of(children: Children) -> int:
    """Return the number of the child that the next function runs in."""
    return int((await children.ran("own_number")).outcome.result)


def test_a_child_runs_one_function_after_the_other(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            first = await child_of(children)
            outcome, output = await children.ran("add", 2)
            assert outcome.is_success
            assert (outcome.result, output) == (b"3", b"")
            assert (await children.ran("add_later", 2, 3)).outcome.result == b"5"
            assert await child_of(children) == first

    run(main())


def test_functions_run_at_the_same_time_as_far_as_there_is_room(run: Run) -> None:
    async def main() -> None:
        async with Children(2) as children:
            waiting = [children.begin("wait_for_ever") for _ in range(3)]
            await asyncio.gather(*(each.prints() for each in waiting[:2]))
            assert not waiting[2].output
            waiting[2].stop.stop("not wanted any more")
            assert (await waiting[2].end()).outcome.code is Ending.CANCELLED
            for each in waiting[:2]:
                each.stop.stop("enough")
                assert (await each.end()).output == b"ready\nput away\n"

    run(main())


def test_what_is_printed_comes_from_python_c_and_programs(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            _, output = await children.ran("print_everywhere")
            assert sorted(output.splitlines()) == [b"of C", b"of Python", b"of a program"]
            limits = Limits(output_bytes=5)
            outcome, output = await children.ran("print_lines", 300, limits=limits)
            assert outcome.is_success
            assert output == b"xxxxx\n[seriatim: 299995 more bytes of output were dropped]\n"
            assert (await children.ran("add", 2)).output == b""

    run(main())


def test_a_function_knows_what_it_is_told_and_says_how_far_it_is(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            attempt = children.begin("facts_and_progress")
            outcome, _ = await attempt.end()
            assert outcome.result == b'{"job":"a job"}'
            assert attempt.said == [{"done": 0.5}]
            outcome, _ = await children.ran("say_too_much")
            assert outcome.error_type == "LimitExceededError"

    run(main())


def test_a_function_inherits_what_is_listed_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "of the worker")

    async def main() -> None:
        async with Children() as children:
            found = orjson.loads((await children.ran("environment")).outcome.result)
            assert found.items() >= inherited(os.environ).items()
            assert "SECRET_TOKEN" not in found

    run(main())


def test_what_is_raised_is_said_with_its_place(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            first = await child_of(children)
            outcome, _ = await children.ran("raise_error")
            assert outcome.code is Ending.RAISED
            assert outcome.reason == "what was not expected"
            assert outcome.error_type == "ValueError"
            assert "in raise_error" in outcome.traceback
            assert "function_call" not in outcome.traceback
            assert not outcome.is_crash
            assert await child_of(children) == first

    run(main())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("raise_unprintable", "<UnprintableError>"),
        ("raise_surrogate", "\\ud800"),
        ("add", "add() missing 1 required positional argument: 'first'"),
    ],
)
def test_whatever_is_raised_can_be_said(run: Run, function: str, reason: str) -> None:
    async def main() -> None:
        async with Children() as children:
            outcome, _ = await children.ran(function)
            assert (outcome.code, outcome.reason) == (Ending.RAISED, reason)
            assert 0 < len(outcome.traceback) <= JOB_TRACEBACK_MAX_CHARS

    run(main())


def test_a_result_that_cannot_be_kept_is_no_success(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            outcome, _ = await children.ran("set_of_numbers")
            assert outcome.code is Ending.BAD_RESULT
            assert "returned a set" in outcome.reason
            outcome, _ = await children.ran("large_result")
            assert (outcome.code, outcome.result) == (Ending.BAD_RESULT, b"")
            assert "2000002 bytes" in outcome.reason

    run(main())


@pytest.mark.parametrize(
    "function",
    [
        "tests.support.broken_import:run",
        "tests.support.exiting_import:run",
        "no_such_module:run",
        "no_such_function",
    ],
)
def test_what_cannot_be_imported_fails_and_the_next_one_runs(run: Run, function: str) -> None:
    async def main() -> None:
        async with Children() as children:
            first = await child_of(children)
            outcome, _ = await children.ran(function)
            assert outcome.code is Ending.IMPORT_FAILED
            assert outcome.traceback
            assert not outcome.is_crash
            assert await child_of(children) != first

    run(main())


@pytest.mark.parametrize(
    ("function", "args", "code", "is_crash"),
    [
        ("exit_politely", (), Ending.NO_ANSWER, False),
        ("exit_at_once", (0,), Ending.NO_ANSWER, True),
        ("exit_at_once", (7,), Ending.CRASHED, True),
        ("crash", (), Ending.CRASHED, True),
    ],
)
def test_a_function_that_ends_its_child_has_not_answered(
    run: Run, function: str, args: tuple[int, ...], code: Ending, is_crash: bool
) -> None:
    async def main() -> None:
        async with Children() as children:
            outcome, _ = await children.ran(function, *args)
            assert (outcome.code, outcome.is_crash) == (code, is_crash)
            assert outcome.reason
            assert (await children.ran("add", 2)).outcome.is_success

    run(main())


def test_a_function_has_only_the_memory_that_it_may(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            limits = Limits(memory_bytes=64 * 1024 * 1024)
            assert (await children.ran("eat", 10**6, limits=limits)).outcome.is_success
            first = await child_of(children)
            outcome, _ = await children.ran("eat", 10**10, limits=limits)
            assert outcome.code is Ending.MEMORY
            assert await child_of(children) != first
            # Lifted for those that may.
            assert (await children.ran("eat", 10**8)).outcome.result == b"100000000"

    run(main())


@pytest.mark.slow
def test_a_function_has_only_the_processor_time_and_the_files_that_it_may(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            limits = Limits(cpu_ms=1, files=16)
            outcome, _ = await children.ran("open_files", 20, limits=limits)
            assert (outcome.code, outcome.error_type) == (Ending.RAISED, "OSError")
            outcome, _ = await children.ran("spin", limits=limits)
            assert (outcome.code, outcome.is_crash) == (Ending.CPU, False)
            assert outcome.usage.cpu_ms > 0

    run(main())


@pytest.mark.parametrize("function", ["wait_for_ever", "wait_for_ever_async"])
def test_a_function_that_takes_too_long_can_put_away_what_it_has(run: Run, function: str) -> None:
    async def main() -> None:
        async with Children() as children:
            attempt = children.begin(function, limits=Limits(wall_ms=500))
            await attempt.prints()
            attempt.clock.advance(500)
            outcome, output = await attempt.end()
            assert outcome.code is Ending.TIMEOUT
            assert output == b"ready\nput away\n"
            assert (await children.ran("add", 2)).outcome.is_success

    run(main())


def test_a_function_that_does_not_listen_is_killed_after_a_while(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            attempt = children.begin("wait_deaf")
            await attempt.prints()
            attempt.stop.stop("enough")
            attempt.clock.advance(JOB_STOP_GRACE_MS)
            outcome, _ = await attempt.end()
            assert (outcome.code, outcome.signal) == (Ending.CANCELLED, signal.SIGKILL)

    run(main())


def test_who_is_cancelled_has_the_function_killed_first(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            attempt = children.begin("wait_deaf")
            await attempt.prints()
            assert attempt.task is not None
            attempt.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt.task
            assert descendants(os.getpid()) == []
            assert (await children.ran("add", 2)).outcome.is_success

    run(main())


def test_a_function_hears_the_order_to_stop_though_the_one_before_did_not(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            first = await child_of(children)
            await children.ran("stop_listening")
            assert await child_of(children) == first
            attempt = children.begin("wait_for_ever")
            await attempt.prints()
            attempt.stop.stop("enough")
            assert (await attempt.end()).output == b"ready\nput away\n"

    run(main())


@pytest.mark.parametrize(
    "function", ["leave_program", "leave_thread", "go_elsewhere", "set_variable"]
)
def test_a_child_in_which_something_is_left_is_replaced(run: Run, function: str) -> None:
    async def main() -> None:
        async with Children() as children:
            first = await child_of(children)
            outcome, _ = await children.ran(function)
            assert outcome.is_success
            assert not is_alive(first)
            if function == "leave_program":
                assert not is_alive(int(outcome.result))

    run(main())


def test_a_child_that_has_run_many_jobs_is_replaced(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_child, "JOB_CHILD_JOBS_MAX", 2)

    async def main() -> None:
        async with Children() as children:
            seen = [await child_of(children) for _ in range(4)]
            assert seen[0] == seen[1] != seen[2] == seen[3]

    run(main())


def test_a_child_that_dies_while_it_is_idle_costs_one_attempt_at_most(run: Run) -> None:
    async def main() -> None:
        async with Children() as children:
            os.kill(await child_of(children), signal.SIGKILL)
            outcome, _ = await children.ran("add", 2)
            assert outcome.is_success or outcome.is_crash
            assert (await children.ran("add", 2)).outcome.is_success

    run(main())


def test_a_close_leaves_nothing_and_takes_nothing_more(run: Run) -> None:
    async def main() -> None:
        async with Children() as other:
            await other.ran("add", 2)  # what the loop opens, it has opened now
        before = descriptors()
        children = Children(2)
        await children.ran("add", 2)
        attempt = children.begin("wait_deaf")
        await attempt.prints()
        await children.close()
        assert (await attempt.end()).outcome.code is Ending.CRASHED
        with pytest.raises(StoppingError):
            await children.ran("add", 2)
        assert descendants(os.getpid()) == []
        assert descriptors() == before

    run(main())
