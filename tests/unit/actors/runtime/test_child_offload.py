"""The child offload, with real children: answers, errors, death, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.runtime import child_offload
from seriatim.actors.runtime.child_offload import ChildOffload
from seriatim.actors.runtime.offload import Offload
from seriatim.formats.errors import (
    ChildDiedError,
    ChildFailedError,
    DeadlineExceededError,
    LimitExceededError,
    StoppingError,
)

Run = Callable[[Coroutine[Any, Any, None]], None]
Deaths = list[ChildDiedError]

TARGETS = "tests.unit.actors.runtime.child_targets"
MIB = 1024 * 1024


async def start(
    factory: str, init: bytes = b"", deaths: Deaths | None = None
) -> ChildOffload[Any, Any]:
    return await ChildOffload.start(
        f"{TARGETS}:{factory}",
        init,
        name="the child",
        encode=list,
        decode=list,
        on_death=([] if deaths is None else deaths).append,
    )


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


async def descriptors_at_rest() -> set[str]:
    """Return what is open after the loop has opened what it needs for a first child."""
    await (await start("echo")).close()
    return descriptors()


def test_batches_come_back_in_order_and_several_may_be_on_their_way(run: Run) -> None:
    async def main() -> None:
        offload: Offload[Any, Any] = await start("echo", b"init")
        answers = [offload.call([number, b"x"]) for number in range(50)]
        assert [await answer for answer in answers] == [
            [[b"init", number], [b"init", b"x"]] for number in range(50)
        ]
        await offload.close()

    run(main())


def test_frames_of_eight_mebibytes_pass_both_ways(run: Run) -> None:
    async def main() -> None:
        offload = await start("size")
        answers = [offload.call([bytes(8 * MIB)]) for _ in range(3)]
        for answer in answers:
            assert [len(result) for result in await answer] == [8 * MIB]
        await offload.close()

    run(main())


@pytest.mark.parametrize(
    ("mood", "kind", "code"),
    [
        ("raise", "ValueError", "child_failed"),
        ("conflict", "SlotConflictError", "slot_conflict"),
        ("unsayable", "TypeError", "child_failed"),
    ],
)
def test_an_error_in_the_child_is_typed_and_the_child_goes_on(
    run: Run, mood: str, kind: str, code: str
) -> None:
    async def main() -> None:
        offload = await start("moody")
        with pytest.raises(ChildFailedError) as failure:
            await offload.call([mood])
        assert (failure.value.kind, failure.value.code) == (kind, code)
        assert await offload.call(["pid"]) == [offload.pid]
        await offload.close()

    run(main())


@pytest.mark.parametrize(("mood", "status"), [("die", -signal.SIGKILL), ("exit", 3)])
def test_a_death_fails_what_is_open_and_what_comes_later(run: Run, mood: str, status: int) -> None:
    async def main() -> None:
        deaths: Deaths = []
        offload = await start("moody", deaths=deaths)
        assert await offload.call(["pid"]) == [offload.pid]
        answers = [offload.call([one]) for one in (mood, "pid", "pid")]
        for answer in answers:
            with pytest.raises(ChildDiedError) as death:
                await answer
            assert death.value.status == status
            assert not is_alive(offload.pid), "nobody hears of it before the child is gone"
        assert len(deaths) == 1
        with pytest.raises(ChildDiedError):
            await offload.call(["pid"])
        await offload.close()
        assert len(deaths) == 1

    run(main())


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_target_that_does_not_exist_is_reported(run: Run) -> None:
    async def main() -> None:
        before = await descriptors_at_rest()
        with pytest.raises(ChildFailedError) as failure:
            await start("nothing_of_this_name")
        assert failure.value.kind == "AttributeError"
        with pytest.raises(ChildFailedError) as failure:
            await start("broken")
        assert failure.value.code == "overloaded"
        with pytest.raises(ChildDiedError) as death:
            await start("stillborn")
        assert death.value.status == 9
        assert descriptors() == before

    run(main())


def test_a_child_that_is_not_ready_in_time_is_killed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        before = await descriptors_at_rest()
        monkeypatch.setattr(child_offload, "CHILD_START_DEADLINE_MS", 0)
        with pytest.raises(DeadlineExceededError):
            await start("echo")
        assert descriptors() == before

    run(main())


def test_closing_answers_what_is_open_and_leaves_no_child_and_no_descriptor(run: Run) -> None:
    async def main() -> None:
        before = await descriptors_at_rest()
        deaths: Deaths = []
        offload = await start("echo", deaths=deaths)
        answers = [offload.call([number]) for number in range(20)]
        await asyncio.gather(offload.close(), offload.close())
        assert [answer.get() for answer in answers] == [[[b"", number]] for number in range(20)]
        assert not is_alive(offload.pid)
        assert descriptors() == before
        assert deaths == []
        with pytest.raises(StoppingError):
            await offload.call([1])

    run(main())


def test_a_child_that_does_not_end_in_time_is_killed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(child_offload, "STOP_DEADLINE_MS", 50)
        offload = await start("moody")
        answer = offload.call(["hang"])
        await offload.close()
        with pytest.raises(ChildDiedError):
            await answer
        assert not is_alive(offload.pid)

    run(main())


def test_a_child_keeps_the_descriptors_that_it_inherits(run: Run) -> None:
    async def main() -> None:
        deaths: Deaths = []
        reading, writing = os.pipe()
        offload: ChildOffload[Any, Any] = await ChildOffload.start(
            f"{TARGETS}:echo",
            b"",
            name="the child",
            encode=list,
            decode=list,
            on_death=deaths.append,
            inherit=[writing],
        )
        os.close(writing)
        os.set_blocking(reading, False)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
        await offload.close()
        assert os.read(reading, 1) == b"", "closed with the child"
        os.close(reading)

    run(main())


def test_a_child_that_lives_on_without_its_link_is_killed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(child_offload, "CHILD_EXIT_GRACE_MS", 50)
        offload = await start("moody")
        with pytest.raises(ChildDiedError) as death:
            await offload.call(["deaf"])
        assert death.value.status == -signal.SIGKILL
        assert not is_alive(offload.pid)
        await offload.close()

    run(main())


def test_a_batch_that_cannot_be_sent_is_answered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        offload = await start("echo")
        with pytest.raises(TypeError, match="CBOR"):
            await offload.call([object()])
        monkeypatch.setattr("seriatim.actors.runtime.frame.FRAME_MAX_BYTES", 100)
        with pytest.raises(LimitExceededError):
            await offload.call([bytes(101)])
        assert await offload.call([1]) == [[b"", 1]]
        await offload.close()

    run(main())


def test_a_child_that_breaks_the_protocol_is_given_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        deaths: Deaths = []
        offload = await start("size", deaths=deaths)
        answer = offload.call([bytes(200)])
        monkeypatch.setattr("seriatim.actors.runtime.frame.FRAME_MAX_BYTES", 100)
        with pytest.raises(ChildDiedError) as death:
            await answer
        assert not is_alive(offload.pid)
        assert deaths == [death.value]
        await offload.close()

    run(main())


def test_secrets_are_seen_by_nobody_else(run: Run) -> None:
    async def main() -> None:
        offload = await start("witness", b"a secret key")
        ((command, environment),) = await offload.call([1])
        assert b"seriatim.actors.runtime.child" in command
        assert b"a secret key" not in command + environment
        await offload.close()

    run(main())


def test_the_child_leaves_interrupts_to_the_node(run: Run) -> None:
    async def main() -> None:
        offload = await start("signals")
        assert await offload.call([1]) == [[True, True]]
        os.kill(offload.pid, signal.SIGINT)
        os.kill(offload.pid, signal.SIGTERM)
        assert await offload.call([1]) == [[True, True]]
        assert os.getsid(offload.pid) != os.getsid(0), "Ctrl-C does not reach it"
        await offload.close()

    run(main())


NODE = f"""
import asyncio, os, sys
sys.path.insert(0, {os.getcwd()!r})
from seriatim.actors.runtime.child_offload import ChildOffload

async def main():
    child = await ChildOffload.start("{TARGETS}:moody", b"", name="c", encode=list, decode=list,
                                     on_death=print)
    child.call([sys.argv[1]])
    # Answered only after the batch above was sent.
    await asyncio.sleep(0)
    os.write(1, str(child.pid).encode())
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.mark.parametrize("mood", ["pid", "hang"])
def test_the_child_ends_with_its_node_even_in_the_middle_of_a_batch(mood: str) -> None:
    node = subprocess.run(
        [sys.executable, "-c", NODE, mood], stdout=subprocess.PIPE, check=False, timeout=60
    )
    assert node.returncode == -signal.SIGKILL
    wait_until_gone(int(node.stdout))


def wait_until_gone(pid: int) -> None:
    """Wait for the end of *pid*, which need not be a child of this test."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], 60)
        assert ended, f"{pid} outlived its node"
    finally:
        os.close(descriptor)
