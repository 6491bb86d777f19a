"""What may be done about what a monitor sees: policies beside it, for programs that want them.

A monitor only looks. A policy is handed what acts, and is hung on it: ``monitor.on_change`` or
``monitor.on_view``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seriatim.formats.errors import MalformedError
from seriatim.formats.monitor.episodes import Change, Pulse
from seriatim.formats.monitor.view import CATEGORIES_BETWEEN

if TYPE_CHECKING:
    from seriatim.actors.monitor.monitor import View


class RestartStale:
    """Has a worker begun anew when it is stale, once in an episode; for ``on_change``.

    Its jobs need nothing of that: their leases run out, and what the old one still says of them
    is refused by its tokens.
    """

    def __init__(self, restart: Callable[[str], object]) -> None:
        """Call *restart* with the worker's name; it ends the old OS process and starts another."""
        self._restart = restart

    def __call__(self, change: Change) -> None:
        """Look at *change*."""
        if change.after is Pulse.STALE:
            self._restart(change.worker)


class ScaleByBacklog:
    """Says how many workers each category needs by what waits for it; for ``on_view``.

    More are wanted at once; fewer only after some looks in a row, so that a short lull ends
    nobody. What several categories could run counts for each of them.
    """

    def __init__(
        self,
        scale: Callable[[str, int], object],
        *,
        jobs_per_worker: int,
        least: int = 0,
        most: int,
        calm_looks: int = 10,
    ) -> None:
        """Call *scale* with a category and a number whenever that changes.

        Args:
            scale: brings it about.
            jobs_per_worker: how many jobs that wait are for one worker; 1 or more.
            least: how many workers at least.
            most: how many at most.
            calm_looks: how many looks in a row have to want fewer.

        Raises:
            MalformedError: one of them is out of its range; code ``bad_scale``.
        """
        if jobs_per_worker < 1 or calm_looks < 1 or not 0 <= least <= most:
            raise MalformedError(
                "expected 1 or more jobs per worker, 1 or more looks, and 0 ≤ least ≤ most",
                code="bad_scale",
            )
        self._scale = scale
        self._jobs_per_worker = jobs_per_worker
        self._least = least
        self._most = most
        self._calm_looks = calm_looks
        self._wanted: dict[str, int] = {}
        self._calm: dict[str, list[int]] = {}

    def __call__(self, view: View) -> None:
        """Look at *view*."""
        backlog: dict[str, int] = {}
        for name, count in view["backlog"].items():
            for category in name.split(CATEGORIES_BETWEEN):
                backlog[category] = backlog.get(category, 0) + count
        for category in backlog.keys() | self._wanted.keys():
            self._see(category, backlog.get(category, 0))

    def _see(self, category: str, jobs: int) -> None:
        needed = min(max(-(-jobs // self._jobs_per_worker), self._least), self._most)
        wanted = self._wanted.get(category, self._least)
        calm = self._calm.setdefault(category, [])
        if needed >= wanted:
            calm.clear()
        else:
            calm.append(needed)
            if len(calm) < self._calm_looks:
                return
            needed = max(calm)
            calm.clear()
        if needed != self._wanted.get(category):
            self._wanted[category] = needed
            self._scale(category, needed)
