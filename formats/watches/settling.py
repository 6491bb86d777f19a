"""Debounce: a file that is being written has not changed until it is left alone for a while."""

from __future__ import annotations

from seriatim.formats.watches.files import Files, differing


class Settling:
    """Looks at files, and tells which of them have not changed for a while.

    Times are milliseconds on a monotonic clock.
    """

    def __init__(self, known: Files, quiet_ms: int) -> None:
        """Begin with *known*; a path has settled when it has not changed for *quiet_ms*."""
        self._found: Files = dict(known)
        self._quiet_ms = quiet_ms
        self._changed_ms: dict[str, int] = {}

    def see(self, found: Files, now_ms: int) -> None:
        """Take what a look at *now_ms* has found."""
        for path in differing(self._found, found):
            self._changed_ms[path] = now_ms
        self._found = found

    def settled(self, known: Files, now_ms: int) -> Files:
        """Return what was found, with the paths that have not settled as they are in *known*.

        What has left a path for one that has not settled has not left it yet: a move is one event.
        """
        self._changed_ms = {
            path: changed_ms
            for path, changed_ms in self._changed_ms.items()
            if now_ms - changed_ms < self._quiet_ms
        }
        unsettled = set(self._changed_ms)
        if not unsettled:
            return self._found
        arriving = {self._found[path] for path in unsettled & self._found.keys()}
        unsettled.update(
            path for path in known.keys() - self._found.keys() if known[path] in arriving
        )
        settled = {path: file for path, file in self._found.items() if path not in unsettled}
        settled.update((path, known[path]) for path in unsettled & known.keys())
        return settled

    def due_ms(self) -> int | None:
        """Return when the next path settles, unless it changes before; ``None`` for none."""
        if not self._changed_ms:
            return None
        return min(self._changed_ms.values()) + self._quiet_ms
