"""The order to stop, which somebody gives and whoever runs a job hears."""

from __future__ import annotations

from collections.abc import Callable


class Stop:
    """Said once, to whoever listens then or later; for one loop.

    Attributes:
        reason: why; empty as long as nobody has said it.
    """

    __slots__ = ("_listeners", "reason")

    def __init__(self) -> None:
        self.reason = ""
        self._listeners: list[Callable[[str], object]] = []

    def stop(self, reason: str) -> None:
        """Say it, with a sentence that is not empty; who says it again changes nothing."""
        if self.reason:
            return
        self.reason = reason
        for listener in list(self._listeners):
            listener(reason)

    def listen(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call *listener* with the reason when it is said, at once where it has been.

        Returns:
            what to call when nobody listens any more.
        """
        self._listeners.append(listener)
        if self.reason:
            listener(self.reason)
        return lambda: self._listeners.remove(listener)
