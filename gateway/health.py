"""How the node is: part by part, for whoever decides whether it lives and gets requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from seriatim.formats.errors import SchedulerError
from seriatim.formats.limits import COMMIT_QUEUE_MAX, DISK_FREE_MIN_BYTES

if TYPE_CHECKING:
    from seriatim.actors.node import Node
    from seriatim.gateway.worker_child import WorkerBeside

_NO_PROCESS = bytes(32)


class Component(NamedTuple):
    """A part of the node.

    Attributes:
        name: a stable word.
        reason: why it is not well, for people; empty where it is. It names nothing of the machine:
            anybody may ask.
    """

    name: str
    reason: str = ""


def components_of(node: Node, worker: WorkerBeside | None = None) -> list[Component]:
    """Return the parts of *node*, and of the *worker* that lives with it, and how each is."""
    beside = [] if worker is None else [Component("worker", worker.reason)]
    return [
        Component("store", _store(node)),
        Component("writer", _writer(node)),
        *_queues(node),
        *beside,
        Component("disk", _disk(node)),
    ]


def is_alive(node: Node) -> bool:
    """Tell whether *node* is of any use, or has to be started anew: it cannot write any more."""
    return not node.failed.done() or node.failed.error() is None


def health_view(node: Node, worker: WorkerBeside | None = None) -> dict[str, Any]:
    """Return how *node* is, as a plain value for JSON; see `components_of`."""
    components = components_of(node, worker)
    return {
        "status": "unhealthy" if any(each.reason for each in components) else "healthy",
        "components": {
            each.name: {"status": "unhealthy", "reason": each.reason}
            if each.reason
            else {"status": "healthy"}
            for each in components
        },
    }


def _store(node: Node) -> str:
    try:
        node.head(_NO_PROCESS)
    except SchedulerError:
        return "it cannot be read"
    return ""


def _writer(node: Node) -> str:
    if not is_alive(node):
        return "it cannot write any more; the node ends"
    if node.waiting["commit"] >= COMMIT_QUEUE_MAX:
        return "more waits for it than it may"
    return ""


def _queues(node: Node) -> Iterator[Component]:
    """Yield the parts of a node that places messages, beside the writer."""
    if node.queues is not None:
        failed = node.queues.failed
        yield Component("clerks", f"ended: {', '.join(failed)}" if failed else "")
        yield Component("triggers", "they have not begun" if node.triggers is None else "")
    if node.monitor is not None:
        yield Component("monitor", "it has not looked for some periods" * node.monitor.is_late)


def _disk(node: Node) -> str:
    try:
        free_bytes = node.free_bytes()
    except OSError:
        return "the file system does not say how full it is"
    if free_bytes < DISK_FREE_MIN_BYTES:
        return f"less than {DISK_FREE_MIN_BYTES} bytes are free"
    return ""
