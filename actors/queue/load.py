"""Reading a queue back from its rows: the live jobs, and no log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.errors import FormatError, MalformedError, StoreError
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.head import QueueHead, decode_head
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
    try:
        fold.load(read_head(queue, head), settings, types, jobs)
    except (FormatError, ValueError, KeyError) as error:
        raise StoreError(f"queue {queue}: {error}; restore the data folder from a copy") from error
    return fold


def read_head(queue: str, raw: bytes) -> QueueHead:
    """Return what the head of *queue* says.

    Raises:
        StoreError: its row is damaged, or of another version.
    """
    try:
        return decode_head(raw)
    except MalformedError as error:
        raise StoreError(f"queue {queue}: {error}") from error
