"""Files of a real folder: what happens to them, live, by polling, and while nobody looks."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches.bell import LISTENER, Bell
from seriatim.actors.watches.file_threads import FileThreads
from seriatim.actors.watches.file_watch import FileKind
from seriatim.actors.watches.look import Look, look
from seriatim.actors.watches.watch import Watch
from seriatim.formats.errors import LimitExceededError, MalformedError, UnavailableError
from seriatim.formats.limits import (
    FILES_DEBOUNCE_DEFAULT_MS,
    FILES_LOOK_MS,
    FILES_POLL_MS,
    FILES_REST_FACTOR,
)
from seriatim.formats.message import Value
from seriatim.formats.watches.event import Event, check_event
from seriatim.formats.watches.file_spec import FileSpec, read_file_spec
from tests.support.waiting import until
from tests.support.watching import quiet_world, watching

# A listener wakes the watch; without one, time has to go on to its next look.
WITHIN_MS = {False: FILES_DEBOUNCE_DEFAULT_MS, True: FILES_POLL_MS}
POLLING = pytest.mark.parametrize("polling", [False, True], ids=["listening", "polling"])


def open_watch(path: Path, clock: ManualClock, **spec: Value) -> Watch:
    FileKind().check({"path": str(path), **spec})
    return FileKind().open({"path": str(path), **spec}, quiet_world(clock))


def said(event: Event) -> tuple[Value, ...]:
    """Return what happened, and where; of a move, from where too."""
    fields = check_event(event).fields
    return tuple(fields[key] for key in ("event", "from", "file") if key in fields)


@pytest.mark.slow
@POLLING
def test_each_thing_that_happens_is_one_event(tmp_path: Path, polling: bool) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "old").write_text("was there")
    (tmp_path / "new").mkdir()
    for outside in (tmp_path / "new" / "c", tmp_path / "conf"):
        outside.touch()
    steps: list[tuple[Callable[[], object], tuple[Value, ...]]] = [
        (lambda: (folder / "a").write_text("1"), ("create", "a")),
        (lambda: (folder / "a").write_text("22"), ("modify", "a")),
        (lambda: (folder / "a").rename(folder / "sub" / "b"), ("move", "a", "sub/b")),
        (lambda: (folder / "old").replace(folder / "sub" / "b"), ("delete", "old")),
        (lambda: None, ("modify", "sub/b")),
        ((folder / "sub" / "b").unlink, ("delete", "sub/b")),
        (lambda: (tmp_path / "new").rename(folder / "new"), ("create", "new/c")),
        (lambda: (tmp_path / "conf").rename(folder / "d"), ("create", "d")),
    ]

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(folder, clock, polling=polling)
        async with watching(watch, await watch.first_mark(), clock) as events:
            for do, expected in steps:
                do()
                event = await events.next(within_ms=WITHIN_MS[polling])
                assert said(event) == expected
                assert event.fields["folder"] == str(folder)

    asyncio.run(main())


@POLLING
def test_what_happens_while_nobody_looks_is_found(tmp_path: Path, polling: bool) -> None:
    for name in ("kept", "changed", "gone", "moved"):
        (tmp_path / name).write_text(name)

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(tmp_path, clock, polling=polling)
        mark = await watch.first_mark()
        (tmp_path / "changed").write_text("otherwise")
        (tmp_path / "gone").unlink()
        (tmp_path / "moved").rename(tmp_path / "there")
        (tmp_path / "new").touch()
        expected: list[tuple[Value, ...]] = [
            ("delete", "gone"),
            ("modify", "changed"),
            ("create", "new"),
            ("move", "moved", "there"),
        ]
        # One life, in which all are handled.
        keys = []
        async with watching(watch, mark, clock) as events:
            for each in expected:
                event = await events.next(within_ms=WITHIN_MS[polling])
                assert said(event) == each
                keys.append(event.key)
        # A life for each: the same events by the same keys, from the marks of those before.
        for each, key in zip(expected, keys, strict=True):
            async with watching(watch, mark, clock) as events:
                event = await events.next(within_ms=WITHIN_MS[polling])
            assert (said(event), event.key) == (each, key)
            mark = event.mark
        # And behind the last one, there is nothing but what is new.
        (tmp_path / "last").touch()
        async with watching(watch, mark, clock) as events:
            assert said(await events.next(within_ms=WITHIN_MS[polling])) == ("create", "last")

    asyncio.run(main())


@POLLING
def test_one_file_is_watched_through_whatever_becomes_of_it(tmp_path: Path, polling: bool) -> None:
    file, other = tmp_path / "conf", tmp_path / "other"
    file.write_text("1")

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(file, clock, polling=polling)
        mark = await watch.first_mark()
        async with watching(watch, mark, clock) as events:
            other.write_text("22")
            other.replace(file)
            event = await events.next(within_ms=WITHIN_MS[polling])
            assert said(event) == ("modify", "conf")
            file.unlink()
            event = await events.next(within_ms=WITHIN_MS[polling])
            assert said(event) == ("delete", "conf")
        # It is not there when the node starts again.
        async with watching(watch, event.mark, clock) as events:
            events.ask()
            await until(lambda: clock.due_ms() is not None)
            file.write_text("333")
            assert said(await events.next(within_ms=WITHIN_MS[polling])) == ("create", "conf")

    asyncio.run(main())


def test_a_file_that_goes_and_comes_back_as_it_was_has_gone_each_time(tmp_path: Path) -> None:
    folder, file = tmp_path / "in", tmp_path / "in" / "a"
    folder.mkdir()
    file.touch()

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(folder, clock, polling=True)
        found = []
        async with watching(watch, await watch.first_mark(), clock) as events:
            for _ in range(2):
                file.rename(tmp_path / "aside")
                found.append(await events.next(within_ms=FILES_POLL_MS))
                (tmp_path / "aside").rename(file)
                found.append(await events.next(within_ms=FILES_POLL_MS))
        assert [said(event)[0] for event in found] == ["delete", "create"] * 2
        assert len({event.key for event in found}) == 4

    asyncio.run(main())


def test_a_trigger_that_is_added_again_has_other_keys(tmp_path: Path) -> None:
    folder, file = tmp_path / "in", tmp_path / "in" / "a"
    folder.mkdir()
    file.touch()

    async def main() -> None:
        clock = ManualClock()
        keys = []
        for _ in range(2):
            watch = open_watch(folder, clock, polling=True)
            async with watching(watch, await watch.first_mark(), clock) as events:
                file.rename(tmp_path / "aside")
                keys.append((await events.next(within_ms=FILES_POLL_MS)).key)
            (tmp_path / "aside").rename(file)
        assert keys[0] != keys[1]

    asyncio.run(main())


def test_a_watch_that_is_closed_leaves_no_thread_behind(tmp_path: Path) -> None:
    def listeners() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == LISTENER]

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(tmp_path, clock)
        async with watching(watch, b"", clock) as events:
            events.ask()
            await until(lambda: clock.due_ms() is not None)
            assert listeners() == [LISTENER]
        assert listeners() == []

    asyncio.run(main())


def test_a_listener_rings_and_no_time_has_to_go_by(tmp_path: Path) -> None:
    async def main() -> None:
        bell = Bell(ManualClock(), FileThreads())
        try:
            await bell.listen(str(tmp_path), is_recursive=True)
            await bell.wait()  # it has begun to listen
            for name in ("a", "b"):
                (tmp_path / name).touch()
                await bell.wait()
        finally:
            await bell.close()

    asyncio.run(main())


def test_a_bell_that_cannot_listen_polls_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def watch(*_: object, **__: object) -> None:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr("seriatim.actors.watches.bell.watch", watch)

    async def main() -> None:
        clock = ManualClock()
        found = open_watch(tmp_path, clock)
        async with watching(found, await found.first_mark(), clock) as events:
            (tmp_path / "a").touch()
            assert said(await events.next(within_ms=FILES_POLL_MS)) == ("create", "a")

    asyncio.run(main())
    assert "polled for: [Errno 28] OS file watch limit reached" in caplog.text


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(MalformedError) as caught:
            await open_watch(tmp_path / "none", ManualClock()).first_mark()
        assert caught.value.code == "bad_watch"
        assert "path of the watch: expected a folder or a file that is there" in str(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize(("polling", "pause_ms"), [(False, FILES_LOOK_MS), (True, FILES_POLL_MS)])
def test_it_looks_from_time_to_time_in_any_case(
    tmp_path: Path, polling: bool, pause_ms: int
) -> None:
    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(tmp_path, clock, polling=polling)
        async with watching(watch, b"", clock) as events:
            events.ask()
            await until(lambda: clock.due_ms() == pause_ms)

    asyncio.run(main())


def test_a_file_that_is_being_written_is_no_event_until_it_is_left_alone(tmp_path: Path) -> None:
    quiet_ms = 10 * FILES_POLL_MS

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(tmp_path, clock, polling=True, debounce=f"{quiet_ms} ms")
        async with watching(watch, await watch.first_mark(), clock) as events:
            for size in range(1, 30):
                (tmp_path / "a").write_text("x" * size)
                asked = events.ask()
                await until(lambda: clock.due_ms() is not None)
                clock.advance(FILES_POLL_MS)
                assert not asked.done()
            event = await events.next(within_ms=FILES_POLL_MS)
            assert said(event) == ("create", "a")
            assert event.fields["size"] == 29
            # From the look that has found its last size.
            assert clock.monotonic_ms() == 28 * FILES_POLL_MS + quiet_ms

    asyncio.run(main())


def test_a_folder_that_takes_long_to_look_at_is_looked_at_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, took_ms, began_ms = ManualClock(), 300, []

    def slow_look(spec: FileSpec, *, is_folder: bool) -> Look:
        began_ms.append(clock.monotonic_ms())
        clock.advance(took_ms)
        return look(spec, is_folder=is_folder)

    monkeypatch.setattr("seriatim.actors.watches.file_watch.look", slow_look)

    async def main() -> None:
        watch = open_watch(tmp_path, clock, polling=True)
        async with watching(watch, await watch.first_mark(), clock) as events:
            for _ in range(4):
                events.ask()
                await until(lambda: clock.due_ms() is not None)
                clock.advance(FILES_POLL_MS)
        pauses_ms = [after - before for before, after in pairwise(began_ms)]
        assert pauses_ms
        assert min(pauses_ms) >= took_ms * (1 + FILES_REST_FACTOR)

    asyncio.run(main())


def test_patterns_events_and_depth_say_what_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    names = ("a.csv", "b.txt", "sub/c.csv", "sub/d.CSV")

    def found(**spec: Value) -> list[str]:
        read = read_file_spec({"path": str(tmp_path), **spec})
        return sorted(look(read, is_folder=True).files)

    for name in names:
        (tmp_path / name).touch()
    assert found() == sorted(names)
    assert found(patterns=("*.csv",)) == ["a.csv", "sub/c.csv"]
    assert found(patterns=("sub/*", "?.txt")) == ["b.txt", "sub/c.csv", "sub/d.CSV"]
    assert found(recursive=False) == ["a.csv", "b.txt"]


def test_nothing_behind_a_symbolic_link_is_watched(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").touch()
    (folder / "own").touch()
    (folder / "folder").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    (folder / "circle").symlink_to(folder)
    (folder / "dangling").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe")
    spec = read_file_spec({"path": str(folder)})
    assert list(look(spec, is_folder=True).files) == ["own"]
    spec = read_file_spec({"path": str(folder / "file")})
    assert look(spec, is_folder=False).files == {}


def test_names_that_are_no_text_are_watched_too(tmp_path: Path) -> None:
    touch = Path(os.fsdecode(bytes(tmp_path) + b"/\xff")).touch

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(tmp_path, clock, polling=True)
        async with watching(watch, await watch.first_mark(), clock) as events:
            touch()
            event = await events.next(within_ms=FILES_POLL_MS)
            assert said(event) == ("create", b"\xff")

    asyncio.run(main())


@POLLING
@pytest.mark.parametrize("is_put_back", [False, True])
def test_a_folder_that_goes_away_ends_the_watch_for_now(
    tmp_path: Path, polling: bool, is_put_back: bool
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    async def main() -> None:
        clock = ManualClock()
        watch = open_watch(folder, clock, polling=polling)
        mark = await watch.first_mark()
        async with watching(watch, mark, clock) as events:
            events.ask()
            await until(lambda: clock.due_ms() is not None)
            folder.rename(tmp_path / "away")
            if is_put_back:
                folder.mkdir()
            with pytest.raises(UnavailableError) as caught:
                await events.next(within_ms=FILES_LOOK_MS)
            assert caught.value.code == "no_folder"
            assert caught.value.retryable
            assert str(folder) in str(caught.value)
        folder.mkdir(exist_ok=True)
        (folder / "a").touch()
        async with watching(watch, mark, clock) as events:
            assert said(await events.next(within_ms=FILES_POLL_MS)) == ("create", "a")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("limit", "where", "sentence"),
    [
        ("FILES_WATCHED_MAX", "seriatim.formats.watches.files", "files that one watch is for"),
        ("FILES_SEEN_MAX", "seriatim.actors.watches.look", "files and folders in"),
    ],
)
def test_too_many_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, where: str, sentence: str
) -> None:
    monkeypatch.setattr(f"{where}.{limit}", 2)

    async def main() -> None:
        watch = open_watch(tmp_path, ManualClock())
        for name in ("a", "b"):
            (tmp_path / name).touch()
        await watch.first_mark()
        (tmp_path / "c").touch()
        with pytest.raises(LimitExceededError, match=sentence) as caught:
            await watch.first_mark()
        assert (caught.value.given, caught.value.maximum) == (3, 2)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "path of the watch: expected text of 1 to 4096 characters, found nothing"),
        ({"path": "in"}, "path of the watch: expected an absolute path, found 'in'"),
        ({"path": "/a\0b"}, "path of the watch: expected an absolute path"),
        ({"path": "/", "patterns": "*"}, "patterns of the watch: expected a list of 1 to 64 texts"),
        ({"path": "/", "patterns": ()}, "patterns of the watch: expected a list"),
        ({"path": "/", "patterns": ("a", 7)}, "patterns of the watch: expected a list"),
        ({"path": "/", "patterns": ("a",) * 65}, "patterns of the watch: expected a list"),
        ({"path": "/", "events": ("touch",)}, "each one of create, modify, delete, move"),
        ({"path": "/", "recursive": 1}, "recursive of the watch: expected true or false, found 1"),
        ({"path": "/", "debounce": 1.5}, "debounce of the watch: expected a duration"),
        ({"path": "/", "debounce": "soon"}, "debounce of the watch: expected a duration"),
        ({"path": "/", "polling": "no"}, "polling of the watch: expected true or false"),
        ({"path": "/", "glob": "*"}, "the watch cannot have 'glob'; it can have debounce,"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: dict[str, Value], sentence: str) -> None:
    with pytest.raises(MalformedError) as caught:
        FileKind().check(spec)
    assert caught.value.code == "bad_watch"
    assert sentence in str(caught.value)
