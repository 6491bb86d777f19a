"""Reading a queue back from its rows: the live jobs, and no log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.damage import whole_rows
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.head import read_head
from seriatim.formats.jobs.rows import head_path, settings_path, state_group, types_group
from seriatim.formats.jobs.state import LIVE

if TYPE_CHECKING:
    from seriatim.formats.jobs.rows import Path
    from seriatim.store.tree.tree import Tree


def load_fold(queue: str, tree: Tree) -> QueueFold:
    """Return the fold of *queue*, with what its rows say.

    Raises:
        StoreError: a row is damaged.
    """

    def get(path: Path) -> bytes | None:
        node = tree.node(path)  # no links lead to rows
        return None if node is None else node.content

    fold = QueueFold(queue, get)
    head, settings = tree.get_all([head_path(queue), settings_path(queue)])
    if head is None:
        raise StoreError(f"queue {queue} has no head; restore the data folder from a copy")
    types = tree.all_values(types_group(queue))
    jobs = (row for state in LIVE for _, row in tree.all_values(state_group(queue, state)))
    with whole_rows(f"queue {queue}"):
        fold.load(read_head(queue, head), settings, types, jobs)
    return fold
