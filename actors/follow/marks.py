"""The durable marks that say which processes of a folder are followed, and from where.

In the tree, at ``followed/<process>``: ``{"url": …}``, and ``"hinted": true, "bytes": …`` where a
stranger has named the source, and not the operator. Whoever holds the folder's lock may write them;
under a running node, its writer alone does, and only for what is hinted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from seriatim.formats.errors import StoreError
from seriatim.formats.ids import encode_id
from seriatim.store.tree.tree import Tree, TreePath, format_path

FOLLOWED_GROUP: Final = "followed"


class FollowMark(NamedTuple):
    """A process is a copy.

    Attributes:
        url: where it was first copied from.
        is_hinted: whether a stranger has named that URL: nobody else is sent there.
        taken_bytes: how long the records of a hinted copy are in all, or some more: it is written
            before they are; 0 for others.
    """

    url: str
    is_hinted: bool
    taken_bytes: int = 0


class FollowMarks:
    """The marks of one folder."""

    def __init__(self, tree: Tree) -> None:
        """Read them from *tree*."""
        self._tree = tree
        # Most folders follow nothing: a node asks before every message.
        self._is_empty = not tree.list((FOLLOWED_GROUP,), limit=1)
        self._hinted: dict[str, bool] = {}
        self._counted: int | None = None  # of the hints', when last looked
        self._expected = 0  # that may have come since

    def url_of(self, process: bytes) -> str | None:
        """Return where *process* is followed from, or ``None`` for one that is not followed.

        Raises:
            StoreError: its mark is damaged.
        """
        mark = self.find(process)
        return None if mark is None else mark.url

    def find(self, process: bytes) -> FollowMark | None:
        """Return the mark of *process*, or ``None`` for one that is not followed.

        Raises:
            StoreError: it is damaged.
        """
        if self._is_empty:
            return None
        return _read_mark(self._tree, _path(process))

    def expect(self) -> None:
        """Look at the folder from now on: a hint's mark may come at any time."""
        self._is_empty = False
        self._expected += 1

    def has_hinted(self, count: int) -> bool:
        """Tell whether hints have begun to copy *count* processes, or more; *count* is above 0.

        They are counted anew only when so many may have come that it matters.
        """
        if self._counted is None or self._counted < count <= self._counted + self._expected:
            self._counted, self._expected = self._count_hinted(), 0
        return self._counted >= count

    def _count_hinted(self) -> int:
        count = 0
        after: str | None = None
        while names := self._tree.list((FOLLOWED_GROUP,), after=after):
            count += sum(map(self._is_hinted, names))
            after = names[-1]
        return count

    def _is_hinted(self, name: str) -> bool:
        """Tell whether the mark called *name* is a hint's: it stays so, but for `put`.

        One that is damaged counts as such: a bound is no reason to refuse every hint.
        """
        known = self._hinted.get(name)
        if known is None:
            try:
                mark = _read_mark(self._tree, (FOLLOWED_GROUP, name))
            except StoreError:
                return True
            known = self._hinted[name] = mark is not None and mark.is_hinted
        return known

    def put(self, process: bytes, url: str) -> None:
        """Mark *process* as followed from *url*, durably."""
        self._tree.put(*mark_of(process, FollowMark(url, is_hinted=False)))
        self._is_empty = False
        self._hinted.pop(encode_id(process), None)
        self._counted = None


def mark_of(process: bytes, mark: FollowMark) -> tuple[TreePath, bytes]:
    """Return where in the tree the *mark* of *process* belongs, and what stands there."""
    plain: dict[str, object] = {"url": mark.url}
    if mark.is_hinted:
        plain |= {"hinted": True, "bytes": mark.taken_bytes}
    return _path(process), orjson.dumps(plain)


def _path(process: bytes) -> TreePath:
    return (FOLLOWED_GROUP, encode_id(process))


def _read_mark(tree: Tree, path: TreePath) -> FollowMark | None:
    """Return the mark at *path*, or ``None`` for none; see `FollowMarks.find` for the error."""
    stored = tree.get(path)
    if stored is None:
        return None
    try:
        plain = orjson.loads(stored)
        mark = FollowMark(plain["url"], plain.get("hinted", False), plain.get("bytes", 0))
    except (ValueError, KeyError, TypeError):
        mark = None
    if mark is None or tuple(map(type, mark)) != (str, bool, int):
        raise StoreError(f"what is stored at {format_path(path)} is damaged")
    return mark
