"""The tree in LMDB, in the same environment as the log.

A key is the number of segments, one byte, and the path's text. So the children of one group,
and nothing else, lie together: listing is one range scan however deep the tree is below them.
No two paths share a key, because no segment contains a slash. A value is the kind, one byte,
and the content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import StoreError
from seriatim.formats.limits import PAGE_MAX
from seriatim.store.environment import Environment
from seriatim.store.tree.tree import (
    GROUP,
    ROOT,
    Node,
    NodeKind,
    Tree,
    TreePath,
    check_length,
    check_page,
    check_path,
    check_placing,
    check_removable,
    check_segment,
    format_path,
    resolve_path,
)

if TYPE_CHECKING:
    from lmdb import Transaction


_VALUE: Final = bytes((NodeKind.VALUE,))


class LmdbTree(Tree):
    """`Tree` over an `Environment`, which it shares and does not close."""

    def __init__(self, environment: Environment) -> None:
        """Use *environment*, opened by its writer or by a reader."""
        self._environment = environment
        self._tree = environment.database(b"tree")

    def node(self, path: TreePath) -> Node | None:
        """See `Tree.node`."""
        with self._reading() as transaction:
            return self._finder(transaction)(path)

    def get(self, path: TreePath) -> bytes | None:
        """See `Tree.get`; one transaction, however many links there are on the way."""
        with self._reading() as transaction:
            return _value(self._finder(transaction), path)

    def get_all(self, paths: Sequence[TreePath]) -> list[bytes | None]:
        """See `Tree.get_all`."""
        with self._reading() as transaction:
            find = cache(self._finder(transaction))  # they share most of their groups
            return [_value(find, path) for path in paths]

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """See `Tree.names`."""
        prefix = _children_prefix(path)
        names: list[str] = []
        with self._reading() as transaction:
            cursor = transaction.cursor(self._tree)
            if limit > 0 and cursor.set_range(_behind(prefix, after)):
                for key in cursor.iternext(keys=True, values=False):
                    if key[: len(prefix)] != prefix:
                        break
                    names.append(bytes(key[len(prefix) :]).decode())
                    if len(names) == limit:
                        break
        return names

    @contextmanager
    def snapshot(self) -> Iterator[Tree]:
        """See `Tree.snapshot`; one read transaction."""
        with self._environment.reading() as transaction:
            yield _Snapshot(self._environment, transaction)

    def place(self, path: TreePath, node: Node) -> None:
        """See `Tree.place`."""
        with self._environment.writing() as transaction:
            for group in check_placing(self._finder(transaction), path):
                transaction.put(_key(group), _encode(GROUP), db=self._tree)
            transaction.put(_key(path), _encode(node), db=self._tree)

    def values(
        self, path: TreePath, *, after: str | None = None, limit: int = PAGE_MAX
    ) -> Sequence[tuple[str, bytes]]:
        """See `Tree.values`; one range scan."""
        check_page(limit)
        with self._reading() as transaction:
            group = resolve_path(self._finder(transaction), check_path(path))
            if after is not None:
                check_path((*group, after))
            prefix = _children_prefix(group)
            cursor = transaction.cursor(self._tree)
            found: list[tuple[str, bytes]] = []
            if limit > 0 and cursor.set_range(_behind(prefix, after)):
                for key, stored in cursor.iternext():
                    if key[: len(prefix)] != prefix:
                        break
                    if stored[0] == NodeKind.VALUE:
                        found.append((str(key[len(prefix) :], "ascii"), bytes(stored[1:])))
                        if len(found) == limit:
                            break
        return found

    def change(self, rows: Sequence[tuple[TreePath, bytes | None]]) -> None:
        """See `Tree.change`; what is known of a group holds for all that are put into it."""
        groups: set[TreePath] = set()
        with self._environment.writing() as transaction:
            find = self._finder(transaction)
            for path, value in rows:
                if path[:-1] in groups:
                    check_segment(path[-1])
                    check_length(path)
                else:
                    check_path(path)
                if value is None:
                    check_removable(find(path), path)
                    transaction.delete(_key(path), db=self._tree)
                    continue
                if path[:-1] not in groups or find(path) == GROUP:
                    for group in check_placing(find, path):
                        transaction.put(_key(group), _encode(GROUP), db=self._tree)
                    groups.add(path[:-1])
                transaction.put(_key(path), _VALUE + value, db=self._tree)

    def remove(self, path: TreePath) -> None:
        """See `Tree.remove`."""
        with self._environment.writing() as transaction:
            check_removable(self._finder(transaction)(path), path)
            transaction.delete(_key(path), db=self._tree)

    def _reading(self) -> AbstractContextManager[Transaction[memoryview]]:
        return self._environment.reading()

    def _finder(self, transaction: Transaction[memoryview]) -> Callable[[TreePath], Node | None]:
        def find(path: TreePath) -> Node | None:
            if path == ROOT:
                return GROUP
            stored = transaction.get(_key(path), db=self._tree)
            return None if stored is None else _decode(path, stored)

        return find


class _Snapshot(LmdbTree):
    """The tree in a read transaction that is open."""

    def __init__(self, environment: Environment, transaction: Transaction[memoryview]) -> None:
        super().__init__(environment)
        self._transaction = transaction

    def _reading(self) -> AbstractContextManager[Transaction[memoryview]]:
        return nullcontext(self._transaction)


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


def _behind(prefix: bytes, after: str | None) -> bytes:
    """Return where the keys with *prefix* begin that lie behind the name *after*."""
    # No name lies between `after` and `after` with a zero byte behind it.
    return prefix if after is None else prefix + after.encode() + b"\0"


def _encode(node: Node) -> bytes:
    return bytes((node.kind,)) + node.content


def _decode(path: TreePath, stored: memoryview) -> Node:
    try:
        return Node(NodeKind(stored[0]), bytes(stored[1:]))
    except (IndexError, ValueError) as error:
        raise StoreError(f"what is stored at {format_path(path)} is damaged") from error
