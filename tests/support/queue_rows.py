"""The rows of a queue, as they are stored, and as its log alone says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seriatim.formats.ids import encode_id
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import NAMES
from seriatim.store.tree.tree import NodeKind

if TYPE_CHECKING:
    from seriatim.actors.embedding.node import EmbeddedNode
    from seriatim.store.tree.tree import Tree, TreePath


def stored_rows(tree: Tree, queue: str) -> dict[TreePath, bytes]:
    """Return every row of *queue* in *tree*, but for its name."""
    found: dict[TreePath, bytes] = {}
    todo: list[TreePath] = [("queues",), ("jobs",)]
    while todo:
        group = todo.pop()
        for name in names_in(tree, group):
            path = (*group, name)
            if tree.kind(path) is NodeKind.GROUP:
                todo.append(path)
            elif group != NAMES and queue in path:
                found[path] = tree.get(path) or b""
    return found


def names_in(tree: Tree, group: TreePath) -> Iterator[str]:
    """Yield every name in *group*, a page at a time."""
    after: str | None = None
    while names := tree.list(group, after=after):
        yield from names
        after = names[-1]


def replayed_rows(node: EmbeddedNode, queue: str, process: bytes) -> dict[TreePath, bytes]:
    """Return the rows of *queue* that follow from the slots of *process*."""
    spawn, *slots = node.read(encode_id(process))
    made_ms = spawn.fields["at"]
    assert isinstance(made_ms, int)
    return replay(queue, made_ms, ((each.slot, each.fields) for each in slots))
