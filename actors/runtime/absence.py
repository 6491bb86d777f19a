"""The absence of a node that is asked again and again: it is said once, and so is its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from seriatim.formats.errors import UnavailableError


class Absence:
    """Logs that a node is away, and that it is back: a line each, however often it is asked.

    It is back when it has answered all that it was asked in vain, of which it may answer a part.
    """

    __slots__ = ("_log", "_unanswered", "_who")

    def __init__(self, log: logging.Logger, who: str = "") -> None:
        """Log to *log*; in front, *who* waits for the node, where that is not the program."""
        self._log = log
        self._who = f"{who}: " if who else ""
        self._unanswered: set[str] = set()

    def note(self, error: UnavailableError, asked: str = "") -> None:
        """Note that the node was asked in vain for what is named *asked*."""
        if not self._unanswered:
            self._log.warning("%sthe node is waited for: %s", self._who, error)
        self._unanswered.add(asked)

    def end(self, asked: str = "") -> None:
        """Note that the node has answered what is named *asked*."""
        if asked in self._unanswered:
            self._unanswered.remove(asked)
            if not self._unanswered:
                self._log.warning("%sthe node is back", self._who)
