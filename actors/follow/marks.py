"""The durable marks that say which processes of a folder are followed, and from where.

In the tree, at ``followed/<process>``: ``{"url": …}``. Whoever holds the folder's lock may write
them, so that they never change under a running node.
"""

from __future__ import annotations

from typing import Final

import orjson

from seriatim.formats.errors import StoreError
from seriatim.formats.ids import encode_id
from seriatim.store.tree.tree import Tree, TreePath, format_path

FOLLOWED_GROUP: Final = "followed"


class FollowMarks:
    """The marks of one folder."""

    def __init__(self, tree: Tree) -> None:
        """Read them from *tree*."""
        self._tree = tree
        # Most folders follow nothing: a node asks before every message.
        self._is_empty = not tree.list((FOLLOWED_GROUP,), limit=1)

    def url_of(self, process: bytes) -> str | None:
        """Return where *process* is followed from, or ``None`` for one that is not followed.

        Raises:
            StoreError: its mark is damaged.
        """
        if self._is_empty:
            return None
        path = _path(process)
        stored = self._tree.get(path)
        if stored is None:
            return None
        try:
            url = orjson.loads(stored)["url"]
        except (ValueError, KeyError, TypeError):
            url = None
        if not isinstance(url, str):
            raise StoreError(f"what is stored at {format_path(path)} is damaged")
        return url

    def put(self, process: bytes, url: str) -> None:
        """Mark *process* as followed from *url*, durably."""
        self._tree.put(*mark_of(process, url))
        self._is_empty = False


def mark_of(process: bytes, url: str) -> tuple[TreePath, bytes]:
    """Return the mark of *process* as followed from *url*, and where in the tree it belongs."""
    return _path(process), orjson.dumps({"url": url})


def _path(process: bytes) -> TreePath:
    return (FOLLOWED_GROUP, encode_id(process))
