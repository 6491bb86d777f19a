"""Who is still to be told that a job has ended, which he waits for.

The children of a job are told in the slot in which it ends: they are unblocked, or end with it, and
their own children after them. A slot has room for ``QUEUE_TOLD_MAX`` of them; the next ones tell
the others (the event ``told``), so that no job has too many children for a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from seriatim.formats.jobs.kin import Kin, Verdict, verdict_of
from seriatim.formats.limits import QUEUE_TOLD_MAX, QUEUE_TOLD_MAX_BYTES

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Telling:
    """The jobs that have ended and whose children do not all know it."""

    def __init__(self) -> None:
        self._children: dict[str, list[Job]] = {}
        self._count = self._bytes = 0

    def __contains__(self, parent: str) -> bool:
        return parent in self._children

    def __bool__(self) -> bool:
        return bool(self._children)

    @property
    def parents(self) -> list[str]:
        """Their ids, in the order in which it is their turn."""
        return list(self._children)

    @property
    def has_room(self) -> bool:
        """Whether the slot has room for one more child."""
        return self._count < QUEUE_TOLD_MAX and self._bytes < QUEUE_TOLD_MAX_BYTES

    def begin(self) -> None:
        """Begin the next slot."""
        self._count = self._bytes = 0

    def add(self, parent: str, children: Iterable[Job]) -> None:
        """Have the *children* of *parent* told."""
        # In an order that a fold has that was loaded, too: what is said of them depends on it.
        self._children[parent] = sorted(children, key=lambda child: child.order, reverse=True)

    def drop(self, parent: str) -> None:
        """Tell nobody of *parent*: it has begun once more."""
        self._children.pop(parent, None)

    def tell(
        self, parent: Job, live: Mapping[str, Job], kin: Kin
    ) -> Iterator[tuple[Job, Verdict | None]]:
        """Yield the children of *parent*, and how they end by that, as far as there is room.

        A child without a verdict does not wait for *parent* any longer.

        Args:
            parent: has ended.
            live: the jobs that have not.
            kin: who waits for whom; it is changed, too.
        """
        children = self._children.get(parent.id, [])
        while children:
            child = children[-1]
            if live.get(child.id) is not child or parent.id not in (child.waits or ()):
                # It has ended meanwhile, or was begun once more. Whether there is room or not: a
                # fold that was loaded does not have it, and both are to come to the same end.
                children.pop()
                continue
            if not self.has_room:
                return
            children.pop()
            self._count += 1
            self._bytes += child.row_bytes
            otherwise = next(each for job, each in child.spec["after"] if job == parent.id)
            verdict = verdict_of(parent, otherwise)
            if verdict is None:
                assert child.waits is not None, "it waits"
                child.waits.discard(parent.id)
                kin.tell(child.id, parent.id)
            yield child, verdict
        self._children.pop(parent.id, None)
