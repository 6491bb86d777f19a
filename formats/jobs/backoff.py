"""How long a job that has failed waits before it is tried once more."""

from __future__ import annotations

from typing import NamedTuple

from seriatim.formats.limits import (
    BACKOFF_BASE_DEFAULT_MS,
    BACKOFF_FACTOR_DEFAULT,
    BACKOFF_JITTER_DEFAULT,
    BACKOFF_MAX_DEFAULT_MS,
)


class Backoff(NamedTuple):
    """Pauses that get longer.

    Attributes:
        base_ms: the first one.
        factor: by how much each is longer than the one before; at least 1.
        max_ms: the longest.
        jitter: how much of a pause is left to chance, 0 to 1 (inclusive): so that what has
            failed together does not come back together.
    """

    base_ms: int = BACKOFF_BASE_DEFAULT_MS
    factor: float = BACKOFF_FACTOR_DEFAULT
    max_ms: int = BACKOFF_MAX_DEFAULT_MS
    jitter: float = BACKOFF_JITTER_DEFAULT

    def pause_ms(self, tries: int, chance: float) -> int:
        """Return the pause after the *tries*-th try (1 or more).

        Args:
            tries: how often it was tried by now.
            chance: 0 (inclusive) to 1 (exclusive); with a jitter of 0.2 the pause is 0.9 to 1.1
                of what it would be without.

        >>> Backoff(1_000, 2.0, 60_000, 0.0).pause_ms(4, 0.5)
        8000
        """
        try:
            pause_ms = min(self.base_ms * self.factor ** (tries - 1), self.max_ms)
        except OverflowError:  # of as many tries as somebody has set
            pause_ms = self.max_ms if self.base_ms else 0
        return round(pause_ms * (1 + self.jitter * (chance - 0.5)))
