"""Commands, with real programs: what they are given, what holds them, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.executor.world import inherited
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending
from seriatim.formats.limits import JOB_STOP_GRACE_MS
from tests.support.executing import Attempt, command, descendants, descriptors, is_alive, ran
from tests.support.waiting import until

Run = Callable[[Coroutine[Any, Any, None]], None]

DEAF = "trap '' TERM; echo ready; while :; do sleep 1000; done"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-u", "-c", code)


def test_a_command_ends_with_its_output_and_what_it_has_used(run: Run) -> None:
    async def main() -> None:
        outcome, output = await ran("sh", "-c", "echo out; echo err >&2")
        assert outcome.is_success
        assert outcome.reason == ""
        assert (outcome.exit_code, outcome.signal) == (0, None)
        assert output == b"out\nerr\n"
        assert outcome.usage.memory_peak_bytes > 0

    run(main())


def test_no_shell_reads_what_a_command_is(run: Run) -> None:
    async def main() -> None:
        words = ("$HOME", "`id`", "; ls", "a b", "*", "&& true | cat > /dev/null", "'\"\\", "")
        outcome, output = await ran("printf", "%s\\n", *words)
        assert outcome.is_success
        assert output.decode().splitlines() == list(words)

    run(main())


def test_a_status_other_than_0_is_a_failure(run: Run) -> None:
    async def main() -> None:
        outcome, _ = await ran("sh", "-c", "exit 3")
        assert (outcome.code, outcome.exit_code, outcome.is_crash) == (Ending.EXIT, 3, False)

    run(main())


def test_a_program_that_something_kills_has_crashed(run: Run) -> None:
    async def main() -> None:
        outcome, _ = await ran("sh", "-c", "kill -SEGV $$")
        assert (outcome.code, outcome.signal) == (Ending.SIGNAL, signal.SIGSEGV)
        assert outcome.is_crash
        assert "SIGSEGV" in outcome.reason

    run(main())


def test_a_program_or_a_folder_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")

    async def main() -> None:
        assert (await ran("no-such-program")).outcome.code is Ending.NOT_FOUND
        assert (await ran(str(tmp_path / "none"))).outcome.code is Ending.NOT_FOUND
        assert (await ran("plain", env={"PATH": str(tmp_path)})).outcome.code is Ending.NOT_STARTED
        outcome, _ = await ran("true", cwd=str(tmp_path / "none"))
        assert outcome.code is Ending.NOT_STARTED
        assert str(tmp_path / "none") in outcome.reason

    run(main())


def test_a_command_starts_in_its_folder(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        assert (await ran("pwd", cwd=str(tmp_path))).output.decode().strip() == str(tmp_path)

    run(main())


def test_a_command_inherits_what_is_listed_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "of the worker")
    monkeypatch.setenv("LC_TIME", "C")

    async def main() -> None:
        output = (await ran("env", env={"OWN": "a=b"})).output.decode()
        found = dict(line.split("=", 1) for line in output.splitlines())
        assert found == {**inherited(os.environ), "OWN": "a=b"}
        assert "SECRET_TOKEN" not in found
        assert found["LC_TIME"] == "C"

    run(main())


def test_a_command_has_its_three_descriptors_and_no_other(run: Run) -> None:
    async def main() -> None:
        open_here = os.open(os.devnull, os.O_RDONLY)
        os.set_inheritable(open_here, True)
        code = (
            "import os; print([n for n in range(3, 256) if os.path.exists(f'/proc/self/fd/{n}')])"
        )
        output = (await ran(*python(code))).output
        os.close(open_here)
        assert output == b"[]\n"

    run(main())


def test_what_an_interpreter_ignores_a_command_does_not(run: Run) -> None:
    async def main() -> None:
        output = (await ran("grep", "SigIgn", "/proc/self/status")).output
        # 32 and 33 are libc's own: who has started us may ignore them, and nobody can change that.
        assert int(output.split()[1], 16) & ~(0b11 << 31) == 0

    run(main())


def test_output_is_cut_and_what_is_dropped_is_counted(run: Run) -> None:
    async def main() -> None:
        limits = Limits(output_bytes=10)
        outcome, output = await ran("sh", "-c", "head -c 3000000 /dev/zero", limits=limits)
        assert outcome.is_success
        assert output.startswith(bytes(10) + b"\n[seriatim: 2999990 more bytes")

    run(main())


def test_output_comes_while_the_command_runs(run: Run) -> None:
    async def main() -> None:
        attempt = command("sh", "-c", "echo ready; sleep 1000")
        await attempt.prints()
        attempt.stop.stop("enough")
        await attempt.end()

    run(main())


def test_a_command_that_takes_too_long_is_asked_to_end(run: Run) -> None:
    async def main() -> None:
        code = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
        attempt = command("sh", "-c", code, limits=Limits(wall_ms=500))
        await attempt.prints()
        attempt.clock.advance(500)
        outcome, output = await attempt.end()
        assert (outcome.code, outcome.exit_code) == (Ending.TIMEOUT, 0)
        assert "500 ms" in outcome.reason
        assert output.endswith(b"bye\n")

    run(main())


def test_a_command_that_does_not_listen_is_killed_after_a_while(run: Run) -> None:
    async def main() -> None:
        attempt = command("sh", "-c", DEAF)
        await attempt.prints()
        attempt.stop.stop("somebody has cancelled it")
        attempt.clock.advance(JOB_STOP_GRACE_MS - 1)
        assert not attempt.is_over
        attempt.clock.advance(1)
        outcome, _ = await attempt.end()
        assert (outcome.code, outcome.signal) == (Ending.CANCELLED, signal.SIGKILL)
        assert outcome.reason == "somebody has cancelled it"
        assert not outcome.is_crash

    run(main())


def test_who_is_stopped_before_starts_nothing(run: Run) -> None:
    async def main() -> None:
        attempt = Attempt(ManualClock())
        attempt.stop.stop("too late")
        attempt.begin_command("echo", "x", limits=Limits(), env={}, cwd="")
        outcome, output = await attempt.end()
        assert (outcome.code, output) == (Ending.CANCELLED, b"")

    run(main())


def test_nothing_that_a_command_has_started_outlives_it(run: Run) -> None:
    """Not in its group, not in a session of its own, and not what has forked twice."""

    async def main() -> None:
        code = "sleep 1000 & echo $!; setsid sleep 1000 & echo $!; (setsid sleep 1000 & echo $!)"
        outcome, output = await ran("sh", "-c", code)
        assert outcome.is_success
        left = [int(line) for line in output.split()]
        assert len(left) == 3
        assert [process for process in left if is_alive(process)] == []

    run(main())


def test_who_is_cancelled_has_the_command_killed_first(run: Run) -> None:
    async def main() -> None:
        attempt = command("sh", "-c", DEAF)
        await attempt.prints()
        started = descendants(os.getpid())
        assert attempt.task is not None
        attempt.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt.task
        assert started
        assert [process for process in started if is_alive(process)] == []

    run(main())


def test_a_command_that_is_cancelled_at_once_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        await ran("true")  # what the loop opens, it has opened now
        before = descriptors()
        for turns in range(12):
            attempt = command("sleep", "1000")
            for _ in range(turns):
                await asyncio.sleep(0)
            assert attempt.task is not None
            attempt.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt.task
        assert descriptors() == before
        assert descendants(os.getpid()) == []

    run(main())


def test_a_keeper_that_is_killed_takes_its_command_along(run: Run) -> None:
    async def main() -> None:
        attempt = command("sh", "-c", "echo $$; echo ready; sleep 1000")
        await attempt.prints()
        job = int(attempt.output.split()[0])
        (keeper,) = (each for each in descendants(os.getpid()) if job in descendants(each)[:1])
        os.kill(keeper, signal.SIGKILL)
        outcome, _ = await attempt.end()
        assert outcome.code is Ending.CRASHED
        assert outcome.is_crash
        await until(lambda: not is_alive(job))

    run(main())


def test_a_command_that_kills_its_keeper_has_begun_and_crashed(run: Run) -> None:
    """However soon it does: the keeper may not have said by then that it has begun."""

    async def main() -> None:
        for _ in range(20):
            outcome, _ = await ran("sh", "-c", "kill -9 $PPID")
            assert (outcome.code, outcome.is_crash) == (Ending.CRASHED, True)

    run(main())


def test_a_command_has_only_the_memory_and_the_files_that_it_may(run: Run) -> None:
    async def main() -> None:
        code = "import resource as r; print(r.getrlimit(r.RLIMIT_AS), r.getrlimit(r.RLIMIT_NOFILE))"
        code += "; print(r.getrlimit(r.RLIMIT_CORE), r.getrlimit(r.RLIMIT_CPU)); 'x' * 10**10"
        limits = Limits(memory_bytes=1 << 30, files=20, cpu_ms=1_001)
        outcome, output = await ran(*python(code), limits=limits)
        assert (outcome.code, outcome.exit_code) == (Ending.EXIT, 1)
        first, second, *rest = output.decode().splitlines()
        assert first == f"({1 << 30}, {1 << 30}) (20, 20)"
        assert second == "(0, 0) (2, 3)"
        assert rest[-1] == "MemoryError"

    run(main())


def test_a_command_with_too_many_processes_is_killed_with_all_of_them(run: Run) -> None:
    async def main() -> None:
        code = "for i in 1 2 3 4 5 6 7 8; do setsid sleep 1000 & done; echo ready; wait"
        outcome, _ = await ran("sh", "-c", code, limits=Limits(processes=8))
        assert outcome.code is Ending.PROCESSES
        assert "may have 8" in outcome.reason
        assert descendants(os.getpid()) == []

    run(main())


def test_a_command_may_have_the_processes_that_it_may(run: Run) -> None:
    async def main() -> None:
        code = "for i in 1 2 3; do sleep 0.3 & done; wait; echo done"
        outcome, output = await ran("sh", "-c", code, limits=Limits(processes=4))
        assert outcome.is_success
        assert output == b"done\n"

    run(main())
