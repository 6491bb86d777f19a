"""What jobs have printed: rows beside those of the fold, which nothing is derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from seriatim.formats.jobs.rows import Path, output_group, output_path, output_prefix

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Printed
    from seriatim.formats.schedule.assignment import Rows
    from seriatim.store.tree.tree import Tree

_PIECES_AT_ONCE: Final = 16


class SlotOutput:
    """What changes with one slot of what jobs have printed."""

    def __init__(self, queue: str, find: Callable[[str], Sequence[Path]]) -> None:
        """Begin with no change.

        Args:
            queue: the name of the jobs' queue.
            find: returns where what a job has printed stands on disk.
        """
        self._queue = queue
        self._find = find
        self._rows: dict[Path, bytes | None] = {}
        self._fresh: dict[str, list[Path]] = {}

    def begin(self) -> None:
        """Forget the changes: they are durable, or never will be."""
        self._rows.clear()
        self._fresh.clear()

    def add(self, printed: Printed) -> None:
        """Keep *printed*, which comes under a token that holds."""
        path = output_path(self._queue, printed.id, printed.token, printed.number)
        self._rows[path] = printed.data
        self._fresh.setdefault(printed.id, []).append(path)

    def forget(self, job: str) -> None:
        """Drop what *job* has printed, in this slot, too."""
        for path in self._fresh.pop(job, ()):
            self._rows.pop(path, None)  # one piece may be said twice
        self._rows.update(dict.fromkeys(self._find(job)))

    def rows(self) -> Rows:
        """Return the changes."""
        return tuple(self._rows.items())


def output_rows(tree: Tree, queue: str, job: str) -> list[Path]:
    """Return where what *job* has printed stands, in the order in which it was."""
    return [path for paths in _pieces(tree, queue, job) for path in paths]


def read_output(
    tree: Tree, queue: str, job: str, *, after: str = ""
) -> Iterator[tuple[str, bytes]]:
    """Yield what *job* has printed behind the piece *after*, each piece with its name."""
    prefix = output_prefix(job)
    for paths in _pieces(tree, queue, job, after):
        for path, data in zip(paths, tree.get_all(paths), strict=True):
            if data is not None:  # it may be forgotten meanwhile
                yield path[-1].removeprefix(prefix), data


def _pieces(tree: Tree, queue: str, job: str, after: str = "") -> Iterator[list[Path]]:
    """Yield where some pieces of *job* stand: those of other jobs are behind them."""
    group, prefix = output_group(queue), output_prefix(job)
    place = prefix + after
    while names := tree.list(group, after=place, limit=_PIECES_AT_ONCE):
        own = [(*group, name) for name in names if name.startswith(prefix)]
        yield own
        if len(own) < len(names):
            return
        place = names[-1]
