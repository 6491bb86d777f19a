"""Files that are created, modified, deleted or moved: what happened is the difference of two looks.

The last look that was handled is the watch mark. So what happened while the node was down is found
as is what happens while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from seriatim.actors.runtime.clock import pause
from seriatim.actors.watches.bell import Bell
from seriatim.actors.watches.file_threads import FileThreads
from seriatim.actors.watches.look import Look, folder_of, is_folder, look
from seriatim.formats.errors import UnavailableError
from seriatim.formats.limits import FILES_REST_FACTOR
from seriatim.formats.watches.event import Event, NoEvent
from seriatim.formats.watches.file_events import events_of, turns_between
from seriatim.formats.watches.file_spec import FileSpec, read_file_spec
from seriatim.formats.watches.files_mark import FilesMark, decode_files_mark, encode_files_mark
from seriatim.formats.watches.settling import Settling
from seriatim.formats.watches.spec import bad_watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.watches.watch import Watch, World
    from seriatim.formats.message import Value
    from seriatim.formats.watches.files import Files


class FileKind:
    """The kind ``file``; see ``docs/watches.md``."""

    name = "file"

    def __init__(self) -> None:
        self._threads = FileThreads()

    def check(self, spec: Mapping[str, Value]) -> None:
        """See `WatchKind.check`. Whether its folder is there, `first_mark` asks."""
        read_file_spec(spec)

    def open(self, spec: Mapping[str, Value], world: World) -> Watch:
        """See `WatchKind.open`."""
        return FileWatch(read_file_spec(spec), world.clock, self._threads)


class FileWatch:
    """Looks at one folder, or at one file. See `Watch`.

    What happens to one path while nobody asks for events, or within the time for which it has to be
    left alone, is one event, or none where it is at last as it was.
    """

    def __init__(self, spec: FileSpec, clock: Clock, threads: FileThreads) -> None:
        """Look for what *spec* says, in *threads*; *clock* tells how long a file was left alone."""
        self._spec = spec
        self._clock = clock
        self._threads = threads
        self._rest_until_ms = clock.monotonic_ms()

    async def first_mark(self) -> bytes:
        """See `Watch.first_mark`. The folder, or the file, has to be there.

        Raises:
            MalformedError: it is not; code ``bad_watch``.
        """
        path = self._spec.path
        try:
            await self._threads.run(partial(is_folder, path))
        except UnavailableError as error:
            raise bad_watch("path", "a folder or a file that is there", path) from error
        return await self._threads.run(partial(encode_files_mark, await self._begin()))

    async def events(self, mark: bytes) -> AsyncGenerator[Event | NoEvent, None]:
        """See `Watch.events`.

        Raises:
            UnavailableError: the folder is not there any more, or another one stands at its path;
                code ``no_folder``.
            LimitExceededError: there are too many files.
        """
        run, wanted = self._threads.run, self._spec.events
        known = await run(partial(decode_files_mark, mark)) if mark else await self._begin()
        folder = folder_of(self._spec, is_folder=known.is_folder)
        bell = Bell(self._clock, self._threads)
        try:
            if not self._spec.is_polling:
                is_recursive = known.is_folder and self._spec.is_recursive
                await bell.listen(folder, is_recursive=is_recursive)
            settling = Settling(known.files, self._spec.debounce_ms)
            first = await self._look(is_folder=known.is_folder)
            found = first
            while True:
                now_ms = self._clock.monotonic_ms()
                settled = await run(partial(_settled, settling, known, found.files, now_ms))
                number = known.number
                turns = turns_between(known, settled, wanted)
                while (turn := await run(partial(next, turns, None))) is not None:
                    for seen in events_of(folder, turn, wanted):
                        yield seen
                        number += isinstance(seen, Event)
                known = FilesMark(known.is_folder, number, settled)
                await bell.wait(settling.due_ms())
                found = await self._look(is_folder=known.is_folder)
                if found.folder != first.folder:
                    raise UnavailableError(
                        f"another folder stands at {self._spec.path} by now; it is looked at anew",
                        code="no_folder",
                    )
        finally:
            await bell.close()

    async def _begin(self) -> FilesMark:
        is_of_folder = await self._threads.run(partial(is_folder, self._spec.path))
        found = await self._look(is_folder=is_of_folder)
        return FilesMark(is_of_folder, self._clock.now_ms(), found.files)

    async def _look(self, *, is_folder: bool) -> Look:
        """Look, in a thread; wherever something always changes, a tenth of the time at most."""
        rest_ms = self._rest_until_ms - self._clock.monotonic_ms()
        if rest_ms > 0:
            await pause(self._clock, rest_ms)
        began_ms = self._clock.monotonic_ms()
        found = await self._threads.run(partial(look, self._spec, is_folder=is_folder))
        ended_ms = self._clock.monotonic_ms()
        self._rest_until_ms = ended_ms + FILES_REST_FACTOR * (ended_ms - began_ms)
        return found


def _settled(settling: Settling, known: FilesMark, found: Files, now_ms: int) -> Files:
    """Have *settling* see what was found; return what of it counts."""
    settling.see(found, now_ms)
    return settling.settled(known.files, now_ms)
