"""The tree in memory: for tests, simulators and embedding without a data folder."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from seriatim.store.tree.tree import (
    GROUP,
    ROOT,
    Node,
    Tree,
    TreePath,
    check_placing,
    check_removable,
)


class MemoryTree(Tree):
    """`Tree` over dictionaries, held together by one lock."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._nodes: dict[TreePath, Node] = {ROOT: GROUP}
        self._names: dict[TreePath, set[str]] = {ROOT: set()}

    def node(self, path: TreePath) -> Node | None:
        """See `Tree.node`."""
        return self._nodes.get(path)

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """See `Tree.names`."""
        with self._lock:
            names = sorted(self._names.get(path, ()))
        return [name for name in names if after is None or name > after][: max(limit, 0)]

    def place(self, path: TreePath, node: Node) -> None:
        """See `Tree.place`."""
        with self._lock:
            for group in check_placing(self._nodes.get, path):
                self._set(group, GROUP)
                self._names[group] = set()
            self._set(path, node)

    def remove(self, path: TreePath) -> None:
        """See `Tree.remove`."""
        with self._lock:
            check_removable(self._nodes.get(path), path)
            if self._nodes.pop(path, None) is not None:
                self._names[path[:-1]].discard(path[-1])

    def _set(self, path: TreePath, node: Node) -> None:
        self._nodes[path] = node
        self._names[path[:-1]].add(path[-1])
