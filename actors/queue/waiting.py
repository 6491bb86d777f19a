"""Claims that wait for jobs, and the answers that they have got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seriatim.actors.queue.commands import Claim, Claimed, Grant


class Waiter:
    """A claim that waits; ``answer`` is there when it waits no longer.

    ``is_hasty``: it is answered with the slot in which it has come, whatever that has for it.
    """

    __slots__ = ("answer", "claim", "is_hasty")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.answer: Claimed | None = None
        self.is_hasty = False


class Waiting:
    """The claims of one queue, the oldest first; a worker has one at a time."""

    def __init__(self) -> None:
        self._waiters: dict[str, Waiter] = {}
        self._answered: list[Waiter] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        """Iterate over those that wait now, whatever is answered meanwhile."""
        return iter(tuple(self._waiters.values()))

    @property
    def has_room(self) -> bool:
        """Whether one of them is for jobs, and not only for what is to be stopped."""
        return any(each.claim.room for each in self._waiters.values())

    def add(self, claim: Claim) -> Waiter:
        """Have *claim* wait; its worker waits for the one before no longer."""
        self.let_go(claim.worker)
        waiter = self._waiters[claim.worker] = Waiter(claim)
        return waiter

    def answer(self, waiter: Waiter, grants: Sequence[Grant], stops: Mapping[str, str]) -> None:
        """Answer *waiter*, which waits."""
        waiter.answer = Claimed(grants, stops)
        del self._waiters[waiter.claim.worker]
        self._answered.append(waiter)

    def let_go(self, worker: str) -> None:
        """Answer the claim of *worker*, if it has one: it waits no longer."""
        waiter = self._waiters.get(worker)
        if waiter is not None:
            self.answer(waiter, (), {})

    def withdraw(self, waiter: Waiter) -> None:
        """Forget *waiter*, which waits: whoever has claimed has waited long enough."""
        del self._waiters[waiter.claim.worker]

    def take_answered(self) -> list[Waiter]:
        """Return the claims that have been answered since the last time."""
        answered, self._answered = self._answered, []
        return answered
