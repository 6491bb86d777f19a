"""What jobs have printed: rows beside those of the fold, which nothing is derived from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seriatim.formats.jobs.rows import Path, output_group, output_prefix
from seriatim.formats.limits import PAGE_MAX

if TYPE_CHECKING:
    from seriatim.store.tree.tree import Tree


def output_rows(tree: Tree, queue: str, job: str) -> list[Path]:
    """Return where what *job* has printed stands, in the order in which it was."""
    group, prefix = output_group(queue), output_prefix(job)
    return [(*group, name) for name, _ in _pieces(tree, queue, prefix)]


def read_output(
    tree: Tree, queue: str, job: str, *, after: str = ""
) -> Iterator[tuple[str, bytes]]:
    """Yield what *job* has printed behind the piece *after*, each piece with its name."""
    prefix = output_prefix(job)
    after = prefix + after
    for name, data in _pieces(tree, queue, prefix, after):
        yield name.removeprefix(prefix), data


def _pieces(tree: Tree, queue: str, prefix: str, after: str = "") -> Iterator[tuple[str, bytes]]:
    group = output_group(queue)
    place = after or prefix
    while page := tree.values(group, after=place, limit=PAGE_MAX):
        for name, data in page:
            if not name.startswith(prefix):
                return
            yield name, data
        place = page[-1][0]
