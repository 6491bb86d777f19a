"""Trees put together: one that is stored, and read-only views of what is stored elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.store.keys import SLOT_MAX
from seriatim.store.log import Log
from seriatim.store.tree.tree import GROUP, ROOT, Node, NodeKind, Tree, TreePath, format_path

ASSIGNMENTS_GROUP: Final = "assignments"


class Mount(Protocol):
    """What can be read under a prefix of a tree; *path* is what follows the prefix."""

    def node(self, path: TreePath) -> Node | None:
        """Return the group or value at *path*; the mount itself, ``()``, is a group."""

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """Return up to *limit* names under *path*, from the first one behind *after*."""


class MountedTree(Tree):
    """A tree with mounts in its root: each hides what the tree has under the same name.

    Links lead from the tree into a mount like anywhere else.
    """

    def __init__(self, tree: Tree, mounts: dict[str, Mount]) -> None:
        """Put *mounts*, by name, over *tree*."""
        self._tree = tree
        self._mounts = mounts

    def node(self, path: TreePath) -> Node | None:
        """See `Tree.node`."""
        mount = self._mounts.get(path[0]) if path else None
        return self._tree.node(path) if mount is None else mount.node(path[1:])

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """See `Tree.names`."""
        if path == ROOT:
            stored = self._tree.names(ROOT, after=after, limit=limit)
            mounted = [name for name in self._mounts if after is None or name > after]
            return sorted({*stored, *mounted})[: max(limit, 0)]
        mount = self._mounts.get(path[0])
        if mount is None:
            return self._tree.names(path, after=after, limit=limit)
        return mount.names(path[1:], after=after, limit=limit)

    def place(self, path: TreePath, node: Node) -> None:
        """See `Tree.place`; a mount refuses, with code ``read_only``."""
        self._check_writable(path)
        self._tree.place(path, node)

    def remove(self, path: TreePath) -> None:
        """See `Tree.remove`; a mount refuses, with code ``read_only``."""
        self._check_writable(path)
        self._tree.remove(path)

    def _check_writable(self, path: TreePath) -> None:
        if path and path[0] in self._mounts:
            raise RefusedError(f"{format_path(path)} is read only", code="read_only")


class AssignmentsMount:
    """``<process>/<slot>`` over a `Log`: the encoded `Record` of each slot.

    A process is spelled as its id, a slot in decimal without leading zeros; no other spelling
    leads anywhere. Names come in the log's order: ids by their bytes, slots by number.
    """

    def __init__(self, log: Log) -> None:
        """Show *log*."""
        self._log = log

    def node(self, path: TreePath) -> Node | None:
        """See `Mount.node`."""
        match path:
            case ():
                return GROUP
            case (process_text,):
                return None if self._head_slot(process_text) is None else GROUP
            case (process_text, slot_text):
                return self._record_node(_decode_process(process_text), _decode_slot(slot_text))
            case _:
                return None

    def names(self, path: TreePath, *, after: str | None, limit: int) -> Sequence[str]:
        """See `Mount.names`."""
        match path:
            case ():
                return self._process_names(after, limit)
            case (process_text,):
                return self._slot_names(process_text, after, limit)
            case _:
                return []

    def _record_node(self, process: bytes | None, slot: int | None) -> Node | None:
        if process is None or slot is None:
            return None
        record = self._log.read(process, slot)
        return None if record is None else Node(NodeKind.VALUE, record.encode())

    def _process_names(self, after: str | None, limit: int) -> Sequence[str]:
        last = None if after is None else _decode_process(after)
        if after is not None and last is None:
            return []
        return [encode_id(process) for process in self._log.processes(after=last, limit=limit)]

    def _slot_names(self, process_text: str, after: str | None, limit: int) -> Sequence[str]:
        head_slot = self._head_slot(process_text)
        last = -1 if after is None else _decode_slot(after)
        if head_slot is None or last is None:
            return []
        return [str(slot) for slot in range(last + 1, min(head_slot, last + limit) + 1)]

    def _head_slot(self, process_text: str) -> int | None:
        process = _decode_process(process_text)
        head = None if process is None else self._log.head(process)
        return None if head is None else head.slot


def _decode_process(text: str) -> bytes | None:
    try:
        return decode_id(text)
    except MalformedError:
        return None


def _decode_slot(text: str) -> int | None:
    digits_max = len(str(SLOT_MAX))
    if not (text.isascii() and text.isdecimal() and len(text) <= digits_max):
        return None
    slot = int(text)
    return slot if str(slot) == text else None
