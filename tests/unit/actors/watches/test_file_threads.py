"""Threads of watches of files: how many there are, and whom a folder that hangs holds up."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches.file_threads import LOOKER, FileThreads
from seriatim.actors.watches.file_watch import FileKind, FileWatch
from seriatim.actors.watches.look import is_folder
from seriatim.formats.limits import FILES_LOOK_MS, FILES_POLL_MS
from seriatim.formats.message import Value
from seriatim.formats.watches.file_spec import read_file_spec
from tests.support.waiting import until
from tests.support.watching import quiet_world, watching


def _is_due(clock: ManualClock, due_ms: int) -> bool:
    return clock.due_ms() == due_ms


def test_of_too_many_that_listen_the_last_ones_poll_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in ("file_threads", "bell"):
        monkeypatch.setattr(f"seriatim.actors.watches.{module}.FILES_LISTENERS_MAX", 1)

    async def main() -> None:
        threads, spec = FileThreads(), read_file_spec({"path": str(tmp_path)})
        for _ in range(2):  # what one has given back, another one takes
            clock, other = ManualClock(), ManualClock()
            async with (
                watching(FileWatch(spec, clock, threads), b"", clock) as first,
                watching(FileWatch(spec, other, threads), b"", other) as second,
            ):
                for events, each, pause_ms in (
                    (first, clock, FILES_LOOK_MS),
                    (second, other, FILES_POLL_MS),
                ):
                    events.ask()
                    await until(partial(_is_due, each, pause_ms))
        told = [each for each in caplog.messages if "1 watches of files listen already" in each]
        assert len(told) == 2
        assert str(tmp_path) in told[0]

    asyncio.run(main())


def test_a_folder_that_does_not_answer_holds_up_its_own_watch_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(path: str) -> bool:
        asked.set()
        assert answer.wait(10)
        return is_folder(path)

    monkeypatch.setattr("seriatim.actors.watches.file_watch.is_folder", hang)

    async def main() -> None:
        kind, world = FileKind(), quiet_world(ManualClock())
        spec: dict[str, Value] = {"path": str(tmp_path)}
        kind.check(spec)
        given_up, waited_for = (
            asyncio.create_task(kind.open(spec, world).first_mark()) for _ in range(2)
        )
        await until(asked.is_set)
        given_up.cancel()
        await asyncio.wait([given_up])
        assert not waited_for.done()
        answer.set()
        assert await waited_for

    asyncio.run(main())


def test_looks_have_few_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seriatim.actors.watches.file_threads.FILES_LOOKERS_MAX", 2)
    begun: list[str] = []
    answer = threading.Event()

    def hang() -> None:
        begun.append(threading.current_thread().name)
        assert answer.wait(10)

    async def main() -> None:
        threads = FileThreads()
        asked = [asyncio.create_task(threads.run(hang)) for _ in range(3)]
        await until(lambda: len(begun) == 2)
        await asyncio.to_thread(lambda: None)  # others have theirs
        assert begun == [LOOKER] * 2
        answer.set()
        await asyncio.gather(*asked)
        assert begun == [LOOKER] * 3

    asyncio.run(main())
