"""How many jobs of which type are in which state: kept as it changes, never counted."""

from __future__ import annotations

from collections import Counter

import orjson

from seriatim.formats.jobs.state import ENDED, JobState


class Numbers:
    """The numbers of one queue; there are no zeros.

    Attributes:
        types: by type, and by state.
        touched: the types whose numbers have changed since somebody has cleared it.
    """

    __slots__ = ("_states", "touched", "types")

    def __init__(self) -> None:
        self.types: dict[str, dict[JobState, int]] = {}
        self.touched: dict[str, None] = {}
        self._states: Counter[JobState] = Counter()

    def move(self, kind: str, before: JobState | None, after: JobState | None) -> None:
        """Count a job of the type *kind* from one state to another; ``None`` is none at all."""
        own = self.types.setdefault(kind, {})
        self.touched[kind] = None
        if before is not None:
            self._states[before] -= 1
            own[before] -= 1
            if not own[before]:
                del own[before]
        if after is not None:
            self._states[after] += 1
            own[after] = own.get(after, 0) + 1
        if not own:
            del self.types[kind]

    def __getitem__(self, state: JobState) -> int:
        """Return how many jobs are in *state*."""
        return self._states[state]

    @property
    def has_ended(self) -> bool:
        """Whether there are jobs that have ended."""
        return any(self._states[state] for state in ENDED)

    def states(self) -> dict[str, int]:
        """Return how many jobs are in which state; without zeros."""
        return {state.value: count for state, count in sorted(self._states.items()) if count}

    def encode_type(self, kind: str) -> bytes | None:
        """Return the numbers of *kind* as they are kept; ``None`` where there are none."""
        own = self.types.get(kind)
        return orjson.dumps({state.value: own[state] for state in sorted(own)}) if own else None

    def load_type(self, kind: str, raw: bytes) -> None:
        """Begin with what `encode_type` has made *raw* of."""
        own = {JobState(state): count for state, count in orjson.loads(raw).items()}
        self.types[kind] = own
        self._states.update(own)


def change_count(counts: dict[str, int], key: str, by: int) -> None:
    """Change the number of *key* in *counts*, where there are no zeros."""
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        del counts[key]
