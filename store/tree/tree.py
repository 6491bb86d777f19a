"""The hierarchical tree: groups, values and links under paths, and how a path resolves.

::

    data/<hash>                        what a hash names, stored once
    computed/<process>/<slot>          link to a result under data/
    scheduler-locations/<address>      where an address's scheduler is
    assignments/<process>/<slot>       mounted from the log, not stored again

Three kinds of node stand in a tree. A *group* has children and exists as soon as one of them
does; a *value* has bytes; a *link* names another path, from the root, which need not exist yet.

May live here: the rules, which are the same whatever a tree is made of. Must not: LMDB; see
``lmdb_tree.py``, ``memory_tree.py``, ``mounted_tree.py``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from hashlib import sha256
from typing import Final, NamedTuple

from seriatim.formats.errors import LimitExceededError, MalformedError, RefusedError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    LINK_DEPTH_MAX,
    PAGE_DEFAULT,
    PAGE_MAX,
    PATH_MAX_BYTES,
    PATH_SEGMENT_MAX_BYTES,
)

TreePath = tuple[str, ...]
"""A path inside: its segments from the root, which is ``()``."""

ROOT: Final[TreePath] = ()
CONTENT_GROUP: Final = "data"

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~@=+-]+", re.ASCII)


class NodeKind(IntEnum):
    """What stands at a path; the value is the byte in stored nodes."""

    GROUP = 1
    VALUE = 2
    LINK = 3


class Node(NamedTuple):
    """What stands at a path: a value's bytes, a link's target as text, nothing for a group."""

    kind: NodeKind
    content: bytes = b""


GROUP: Final = Node(NodeKind.GROUP)


def parse_path(text: str) -> TreePath:
    """Return the path that *text* spells: segments between slashes, one leading slash allowed.

    Raises:
        MalformedError: a segment is empty, ``.``, ``..``, too long or has a character other
            than ``A-Z a-z 0-9 . _ ~ @ = + -``; code ``bad_path``.
        LimitExceededError: the whole is longer than ``PATH_MAX_BYTES``.

    >>> parse_path("/computed/p/3")
    ('computed', 'p', '3')
    """
    text = text.removeprefix("/")
    return check_path(tuple(text.split("/")) if text else ROOT)


def format_path(path: TreePath) -> str:
    """Return the text of *path*, with a leading slash: ``/`` for the root.

    >>> format_path(("computed", "p", "3"))
    '/computed/p/3'
    """
    return "/" + "/".join(path)


def check_path(path: TreePath) -> TreePath:
    """Return *path* when every segment and the whole are within the rules of `parse_path`.

    Raises:
        MalformedError: a segment is not allowed; code ``bad_path``.
        LimitExceededError: the whole is too long.
    """
    for segment in path:
        check_segment(segment)
    check_length(path)
    return path


def check_segment(segment: str) -> None:
    """Return when *segment* is within the rules of `parse_path`.

    Raises:
        MalformedError: it is not allowed; code ``bad_path``.
    """
    if len(segment) > PATH_SEGMENT_MAX_BYTES or segment in {".", ".."}:
        raise _bad_segment(segment)
    if _SEGMENT.fullmatch(segment) is None:
        raise _bad_segment(segment)


def check_length(path: TreePath) -> None:
    """Return when the whole of *path* is not too long.

    Raises:
        LimitExceededError: it is.
    """
    size_bytes = sum(map(len, path)) + len(path) - 1
    if size_bytes > PATH_MAX_BYTES:
        raise LimitExceededError("path length", given=size_bytes, maximum=PATH_MAX_BYTES)


def content_path(content: bytes) -> TreePath:
    """Return where *content* is stored: under the text of its SHA-256."""
    return (CONTENT_GROUP, encode_id(sha256(content).digest()))


def resolve_path(find: Callable[[TreePath], Node | None], path: TreePath) -> TreePath:
    """Return where *path* leads when every link on the way, and at its end, is followed.

    Args:
        find: what stands at exactly a path, no link followed.
        path: checked; what it leads to need not exist.

    Raises:
        RefusedError: more than ``LINK_DEPTH_MAX`` links, as in a cycle; code ``link_depth``.
        LimitExceededError: the links spell a path that is too long.
    """
    node = find(path)
    # Only real groups stand above a node, so one that is there is where it says.
    if node is not None and node.kind is not NodeKind.LINK:
        return path
    followed = 0
    reached, ahead = ROOT, path
    while ahead:
        here = (*reached, ahead[0])
        node = find(here)
        if node is None or node.kind is not NodeKind.LINK:
            reached, ahead = here, ahead[1:]
            continue
        followed += 1
        if followed > LINK_DEPTH_MAX:
            raise RefusedError(
                f"{format_path(path)} leads through more than {LINK_DEPTH_MAX} links",
                code="link_depth",
            )
        # A target starts at the root, so what is reached so far does not count any more.
        reached, ahead = ROOT, check_path(parse_path(node.content.decode()) + ahead[1:])
    return reached


def check_placing(find: Callable[[TreePath], Node | None], path: TreePath) -> list[TreePath]:
    """Return the groups that must be made before a value or link can stand at *path*.

    From the one nearest to the root to the one nearest to *path*.

    Raises:
        RefusedError: *path* is a group, or leads through something that is none. Links on the
            way are not followed: what is written at a path stands at that path. Code
            ``path_taken``.
    """
    existing = find(path)
    if existing is not None:
        if existing.kind is NodeKind.GROUP:
            raise RefusedError(f"{format_path(path)} is a group", code="path_taken")
        return []
    missing: list[TreePath] = []
    for length in range(len(path) - 1, 0, -1):
        group = find(path[:length])
        if group is not None:
            if group.kind is not NodeKind.GROUP:
                taken = format_path(path[:length])
                raise RefusedError(f"{taken} is not a group", code="path_taken")
            break
        missing.append(path[:length])
    return missing[::-1]


class Tree(ABC):
    """Groups, values and links under paths.

    The four abstract methods look at and change exactly one path; the others follow links.
    Reads are safe from any thread; one writer at a time.
    """

    @abstractmethod
    def node(self, path: TreePath) -> Node | None:
        """Return what stands at exactly *path*, no link followed; the root is a group."""

    @abstractmethod
    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """Return up to *limit* names under exactly *path*, from the first one behind *after*."""

    @abstractmethod
    def place(self, path: TreePath, node: Node) -> None:
        """Put a value or a link at exactly *path*, durably, together with the groups above it.

        A value or link that stands there is replaced.

        Raises:
            RefusedError: see `check_placing`.
            StoreError: the storage refused.
        """

    @abstractmethod
    def remove(self, path: TreePath) -> None:
        """Take away the value or link at exactly *path*, durably; the groups above it stay.

        Nothing happens where nothing stands.

        Raises:
            RefusedError: *path* is a group; code ``path_taken``.
            StoreError: the storage refused.
        """

    def get(self, path: TreePath) -> bytes | None:
        """Return the value to which *path* leads; ``None`` for nothing or a group.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `resolve`.
        """
        node = self.node(self.resolve(path))
        return node.content if node is not None and node.kind is NodeKind.VALUE else None

    def get_all(self, paths: Sequence[TreePath]) -> list[bytes | None]:
        """Return the value to which each of *paths* leads, as `get` does, all at one moment.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `resolve`.
        """
        return [self.get(path) for path in paths]

    def put(self, path: TreePath, value: bytes) -> None:
        """Make *path* the value *value*; see `place`.

        Raises:
            MalformedError, LimitExceededError: as for `check_path`.
            RefusedError: *path* is taken, or is the root; code ``path_taken``.
        """
        self.place(check_path(path), Node(NodeKind.VALUE, value))

    def change(self, rows: Sequence[tuple[TreePath, bytes | None]]) -> None:
        """Make each path of *rows* its value, as `put` does, or `remove` it for ``None``.

        One after another; together, where the tree is stored.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `put` and `remove`.
        """
        for path, value in rows:
            if value is None:
                self.remove(path)
            else:
                self.put(path, value)

    def put_content(self, content: bytes) -> TreePath:
        """Store *content* under its hash, once however often it is given; return its path."""
        path = content_path(content)
        if self.node(path) is None:
            self.put(path, content)
        return path

    def link(self, path: TreePath, target: TreePath) -> None:
        """Make *path* a link to *target*, which need not exist yet; see `place`.

        Raises:
            MalformedError, LimitExceededError: as for `check_path`, of either path.
            RefusedError: *path* is taken, or is the root; code ``path_taken``.
        """
        content = format_path(check_path(target)).encode()
        self.place(check_path(path), Node(NodeKind.LINK, content))

    def kind(self, path: TreePath) -> NodeKind | None:
        """Return the kind of what stands at *path*: a link is followed on the way only.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `resolve`.
        """
        check_path(path)
        node = self.node(path)
        if node is None and path:
            node = self.node((*self.resolve(path[:-1]), path[-1]))
        return None if node is None else node.kind

    def resolve(self, path: TreePath) -> TreePath:
        """Return where *path* leads; see `resolve_path`.

        Raises:
            MalformedError, LimitExceededError: as for `check_path`.
            RefusedError: too many links; code ``link_depth``.
        """
        return resolve_path(self.node, check_path(path))

    def list(
        self, path: TreePath, *, after: str | None = None, limit: int = PAGE_MAX
    ) -> Sequence[str]:
        """Return up to *limit* names of the group to which *path* leads; none for other nodes.

        Args:
            path: links are followed.
            after: the last name of the page before; ``None`` for the first page.
            limit: at most ``PAGE_MAX``, inclusive.

        Returns:
            The names, sorted: by byte in what is stored, by slot in what is mounted from a log.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `resolve`; *after* is no
                name, or *limit* is too large.
        """
        check_page(limit)
        group = self.resolve(path)
        if after is not None:
            check_path((*group, after))
        return self.names(group, after=after, limit=limit)

    def values(
        self, path: TreePath, *, after: str | None = None, limit: int = PAGE_MAX
    ) -> Sequence[tuple[str, bytes]]:
        """Return names as `list` does, each with its value; what is no value is left out.

        All of them at one moment, where the tree is stored.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `list`.
        """
        group = self.resolve(path)
        found = (
            (name, self.node((*group, name))) for name in self.list(group, after=after, limit=limit)
        )
        return [
            (name, node.content)
            for name, node in found
            if node is not None and node.kind is NodeKind.VALUE
        ]

    def all_values(self, path: TreePath) -> Iterator[tuple[str, bytes]]:
        """Yield all that `values` returns of a group in which all are; a page at one moment each.

        Raises:
            MalformedError, LimitExceededError, RefusedError: as for `resolve`.
        """
        after: str | None = None
        while page := self.values(path, after=after, limit=PAGE_DEFAULT):
            yield from page
            after = page[-1][0]

    @contextmanager
    def snapshot(self) -> Iterator[Tree]:
        """Run a block with the tree as it is at one moment, for reading; where it is stored.

        Keep it short: pages that it can see are not used again while it is open.
        """
        yield self


def check_page(limit: int) -> None:
    """Return when a page may have *limit* names.

    Raises:
        LimitExceededError: these are too many.
    """
    if limit > PAGE_MAX:
        raise LimitExceededError("page", given=limit, maximum=PAGE_MAX)


def check_removable(node: Node | None, path: TreePath) -> None:
    """Return when what stands at *path* may be taken away: other things may stand in a group.

    Raises:
        RefusedError: it is a group; code ``path_taken``.
    """
    if node is not None and node.kind is NodeKind.GROUP:
        raise RefusedError(f"{format_path(path)} is a group", code="path_taken")


def _bad_segment(segment: str) -> MalformedError:
    return MalformedError(
        f"{segment[:64]!r} is not a path segment: 1 to {PATH_SEGMENT_MAX_BYTES} characters of "
        "A-Z a-z 0-9 . _ ~ @ = + - are expected, and not . or ..",
        code="bad_path",
    )
