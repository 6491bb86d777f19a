"""What queues are handed: the outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from seriatim.actors.own_log import OwnLog
    from seriatim.actors.runtime.dispatcher import Dispatcher
    from seriatim.store.tree.tree import Tree


class World(NamedTuple):
    """The outside of a node's queues.

    Attributes:
        dispatcher: runs clerks, and has the clock.
        tree: read only.
        own: makes slots and rows durable.
        entropy: gives that many random bytes.
        draw: gives a number of 0 (inclusive) to 1 (exclusive).
    """

    dispatcher: Dispatcher
    tree: Tree
    own: OwnLog
    entropy: Callable[[int], bytes]
    draw: Callable[[], float]
