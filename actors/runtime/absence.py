"""The absence of a node that is asked again and again: it is said once, and so is its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from seriatim.formats.errors import UnavailableError


class Absence:
    """Logs that a node is away, and that it is back: a line each, however often it is asked."""

    __slots__ = ("_is_away", "_log", "_who")

    def __init__(self, log: logging.Logger, who: str = "") -> None:
        """Log to *log*; in front, *who* waits for the node, where that is not the program."""
        self._log = log
        self._who = f"{who}: " if who else ""
        self._is_away = False

    def note(self, error: UnavailableError) -> None:
        """Note that the node was asked in vain."""
        if not self._is_away:
            self._is_away = True
            self._log.warning("%sthe node is waited for: %s", self._who, error)

    def end(self) -> None:
        """Note that the node has answered."""
        if self._is_away:
            self._is_away = False
            self._log.warning("%sthe node is back", self._who)
