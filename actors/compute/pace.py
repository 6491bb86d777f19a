"""How many slots a fold is run over at once."""

from __future__ import annotations

from seriatim.formats.limits import FOLD_PATIENCE_MAX, FOLD_STEPS_MAX, FOLD_STEPS_MIN


class Pace:
    """How many slots go at once: more and more, as long as they end in time.

    Attributes:
        steps: how many now.
    """

    def __init__(self) -> None:
        self.steps = FOLD_STEPS_MIN
        self._wait = 0  # until more are tried
        self._patience = 1

    def go_on(self) -> None:
        """Hear that they have ended in time."""
        self._wait -= 1
        if self._wait <= 0:
            self.steps = min(2 * self.steps, FOLD_STEPS_MAX)
            self._wait = self._patience

    def slow(self, steps: int) -> None:
        """Hear that twice as many as *steps* have not; each time, it takes longer to try again."""
        self.steps = steps
        self._patience = self._wait = min(2 * self._patience, FOLD_PATIENCE_MAX)
