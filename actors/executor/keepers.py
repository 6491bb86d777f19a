"""Keepers that wait for the next command, so that it does not wait for them."""

from __future__ import annotations

from seriatim.actors.executor.kept import Keeper


class Keepers:
    """Keepers, started when they are needed, and some of them kept for the next time."""

    def __init__(self, idle_max: int) -> None:
        """Start none yet.

        Args:
            idle_max: how many may wait; 0 for one that is new each time.
        """
        self._idle_max = idle_max
        self._idle: list[Keeper] = []

    async def take(self) -> Keeper:
        """Return one that keeps nothing.

        Raises:
            OSError: the system lets us start none.
        """
        while self._idle:
            keeper = self._idle.pop()
            if not keeper.is_lost:
                return keeper
            await keeper.close()
        return await Keeper.start()

    async def give_back(self, keeper: Keeper) -> None:
        """Have *keeper*, which keeps nothing any more, wait for the next command, or end it."""
        if keeper.is_lost or len(self._idle) >= self._idle_max:
            await keeper.close()
        else:
            self._idle.append(keeper)

    async def close(self) -> None:
        """End those that wait, and from now on those that are given back."""
        self._idle_max = 0
        while self._idle:
            await self._idle.pop().close()
