"""A real folder, changed at random: a watch's events, replayed, give what is in it at last.

However often the watch was ended, between whatever events, and begun again from a mark.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches.file_threads import FileThreads
from seriatim.actors.watches.file_watch import FileWatch
from seriatim.actors.watches.look import Look
from seriatim.formats.limits import FILES_POLL_MS
from seriatim.formats.watches.event import Event
from seriatim.formats.watches.file_spec import read_file_spec
from tests.support.watching import watching

Step = tuple[str, str, str]

PATHS = ["a", "b", "sub/a", "sub/b", "sub/deep/a"]
FOLDERS = ["sub", "sub/deep", "other"]

steps = st.one_of(
    st.tuples(
        st.sampled_from(["write", "remove", "move", "swap in", "link", "symlink"]),
        st.sampled_from(PATHS),
        st.sampled_from(PATHS),
    ),
    st.tuples(
        st.sampled_from(["remove folder", "move folder"]),
        st.sampled_from(FOLDERS),
        st.sampled_from(FOLDERS),
    ),
)
batches = st.lists(st.lists(steps, max_size=5), min_size=1, max_size=4)


def change(folder: Path, step: Step, number: int) -> None:
    """Do *step* in *folder*, if it can be done there; *number* is another one each time."""
    verb, path, other = step
    here, there = folder / path, folder / other
    try:
        here.parent.mkdir(parents=True, exist_ok=True)
        there.parent.mkdir(parents=True, exist_ok=True)
        if verb == "write":
            here.write_text("x" * number)
        elif verb == "remove":
            here.unlink()
        elif verb in ("move", "move folder"):
            here.rename(there)
        elif verb == "swap in":
            (folder.parent / "outside").write_text("y" * number)
            (folder.parent / "outside").replace(here)
        elif verb == "link":
            there.hardlink_to(here)
        elif verb == "symlink":
            there.symlink_to(here)
        elif verb == "remove folder":
            shutil.rmtree(here)
    except OSError:
        pass  # there is nothing, or something else, at that path


def listing(folder: Path) -> dict[str, int]:
    """Return the sizes of the regular files in *folder*, by an independent walk."""
    paths = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    return {
        str(path.relative_to(folder)): path.lstat().st_size
        for path in paths
        if path.is_file() and not path.is_symlink()
    }


def replay(known: dict[str, int], event: Event) -> None:
    """Make *known* what it is behind *event*."""
    fields = event.fields
    path = str(fields["file"])
    if fields["event"] in ("create", "move"):
        assert path not in known
    else:
        assert path in known
    if fields["event"] == "move":
        del known[str(fields["from"])]
    if fields["event"] == "delete":
        del known[path]
    else:
        known[path] = int(str(fields["size"]))


def check_watch(
    batches: Sequence[Sequence[Step]], ends: Sequence[bool], watch_of: type[FileWatch]
) -> None:
    """Fail unless a watch sees what happens in *batches*; *ends*: behind which events it ends."""
    left = list(ends)

    async def live(folder: Path) -> None:
        clock, threads = ManualClock(), FileThreads()
        spec = read_file_spec({"path": str(folder), "polling": True, "debounce": "100 ms"})
        known = listing(folder)
        mark = await watch_of(spec, clock, threads).first_mark()
        for number, batch in enumerate(batches, start=1):
            for place, step in enumerate(batch):
                change(folder, step, 10 * number + place)
            last = f"~{number}"  # behind all others of its look
            (folder / last).touch()
            while last not in known:
                async with watching(watch_of(spec, clock, threads), mark, clock) as events:
                    while last not in known:
                        event = await events.next(within_ms=FILES_POLL_MS)
                        replay(known, event)
                        mark = event.mark
                        if left and left.pop():
                            break
            assert known == listing(folder)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        asyncio.run(live(folder))


@pytest.mark.slow
@settings(max_examples=60)
@given(batches, st.lists(st.booleans(), max_size=20))
def test_events_replayed_are_what_is_there(batches: list[list[Step]], ends: list[bool]) -> None:
    check_watch(batches, ends, FileWatch)


class Shallow(FileWatch):
    """A planted fault: it does not look into folders."""

    async def _look(self, *, is_folder: bool) -> Look:
        found = await super()._look(is_folder=is_folder)
        return found._replace(files={k: v for k, v in found.files.items() if "/" not in k})


class Blind(FileWatch):
    """A planted fault: it does not see that a file has changed."""

    async def _look(self, *, is_folder: bool) -> Look:
        found = await super()._look(is_folder=is_folder)
        return found._replace(
            files={k: v._replace(size=0, mtime_ns=0) for k, v in found.files.items()}
        )


@pytest.mark.parametrize("fault", [Shallow, Blind])
def test_a_watch_that_misses_something_is_caught(fault: type[FileWatch]) -> None:
    told = [[("write", "a", "a"), ("write", "sub/a", "a")], [("write", "a", "a")]]
    check_watch(told, [], FileWatch)
    with pytest.raises(AssertionError):
        check_watch(told, [], fault)
