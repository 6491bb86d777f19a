"""The tree in LMDB, in the same environment as the log.

A key is the number of segments, one byte, and the path's text. So the children of one group,
and nothing else, lie together: listing is one range scan however deep the tree is below them.
No two paths share a key, because no segment contains a slash. A value is the kind, one byte,
and the content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from seriatim.formats.errors import StoreError
from seriatim.store.environment import Environment
from seriatim.store.tree.tree import (
    GROUP,
    ROOT,
    Node,
    NodeKind,
    Tree,
    TreePath,
    check_path,
    check_placing,
    check_removable,
    format_path,
    resolve_path,
)

if TYPE_CHECKING:
    from lmdb import Transaction


class LmdbTree(Tree):
    """`Tree` over an `Environment`, which it shares and does not close."""

    def __init__(self, environment: Environment) -> None:
        """Use *environment*, opened by its writer or by a reader."""
        self._environment = environment
        self._tree = environment.database(b"tree")

    def node(self, path: TreePath) -> Node | None:
        """See `Tree.node`."""
        with self._environment.reading() as transaction:
            return self._finder(transaction)(path)

    def get(self, path: TreePath) -> bytes | None:
        """See `Tree.get`; one transaction, however many links there are on the way."""
        with self._environment.reading() as transaction:
            return _value(self._finder(transaction), path)

    def get_all(self, paths: Sequence[TreePath]) -> list[bytes | None]:
        """See `Tree.get_all`."""
        with self._environment.reading() as transaction:
            find = self._finder(transaction)
            return [_value(find, path) for path in paths]

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """See `Tree.names`."""
        prefix = _children_prefix(path)
        # No name lies between `after` and `after` with a zero byte behind it.
        start = prefix if after is None else prefix + after.encode() + b"\0"
        names: list[str] = []
        with self._environment.reading() as transaction:
            cursor = transaction.cursor(self._tree)
            if limit > 0 and cursor.set_range(start):
                for key in cursor.iternext(keys=True, values=False):
                    if key[: len(prefix)] != prefix:
                        break
                    names.append(bytes(key[len(prefix) :]).decode())
                    if len(names) == limit:
                        break
        return names

    def place(self, path: TreePath, node: Node) -> None:
        """See `Tree.place`."""
        with self._environment.writing() as transaction:
            for group in check_placing(self._finder(transaction), path):
                transaction.put(_key(group), _encode(GROUP), db=self._tree)
            transaction.put(_key(path), _encode(node), db=self._tree)

    def remove(self, path: TreePath) -> None:
        """See `Tree.remove`."""
        with self._environment.writing() as transaction:
            check_removable(self._finder(transaction)(path), path)
            transaction.delete(_key(path), db=self._tree)

    def _finder(self, transaction: Transaction[memoryview]) -> Callable[[TreePath], Node | None]:
        def find(path: TreePath) -> Node | None:
            if path == ROOT:
                return GROUP
            stored = transaction.get(_key(path), db=self._tree)
            return None if stored is None else _decode(path, stored)

        return find


def _value(find: Callable[[TreePath], Node | None], path: TreePath) -> bytes | None:
    """Return the value to which *path* leads, by what *find* finds at exactly a path."""
    check_path(path)
    node = find(path)
    if node is None and path and find(path[:-1]) == GROUP:
        return None  # only real groups stand above it, so no link leads anywhere else
    if node is None or node.kind is NodeKind.LINK:
        node = find(resolve_path(find, path))
    return node.content if node is not None and node.kind is NodeKind.VALUE else None


def _key(path: TreePath) -> bytes:
    return bytes((len(path),)) + "/".join(path).encode()


def _children_prefix(path: TreePath) -> bytes:
    """Return what the keys of the children of *path*, and no others, begin with."""
    return bytes((len(path) + 1,)) + "".join(f"{segment}/" for segment in path).encode()


def _encode(node: Node) -> bytes:
    return bytes((node.kind,)) + node.content


def _decode(path: TreePath, stored: memoryview) -> Node:
    try:
        return Node(NodeKind(stored[0]), bytes(stored[1:]))
    except (IndexError, ValueError) as error:
        raise StoreError(f"what is stored at {format_path(path)} is damaged") from error
