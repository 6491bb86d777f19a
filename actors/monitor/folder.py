"""A data folder for a monitor in an OS process of its own: opened to read, and in no other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seriatim.actors.monitor.look import look
from seriatim.store.beats import BeatStore
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.monitor.sight import Sight


@contextmanager
def open_to_look(path: Path, clock: Clock) -> Iterator[Callable[[], Sight]]:
    """Open the data folder *path*; give what looks at it, while a node runs there or none does.

    Raises:
        StoreError: there is no store in it, or no node of this version has run on it.
    """
    folder = DataFolder(path)
    with ExitStack() as stack:
        environment = Environment.open_reader(folder.log)
        stack.callback(environment.close)
        beats = BeatStore.open_reader(folder.beats)
        stack.callback(beats.close)
        tree = LmdbTree(environment)
        yield lambda: look(tree, beats, clock.now_ms())
