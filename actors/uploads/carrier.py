"""Who carries items to where they are kept for good."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.upload import Part
from seriatim.formats.wire.stored import StoredAssignment


class Carrier(Protocol):
    """The way to a bundler.

    Attributes:
        kinds: the kinds of messages that it takes, with their assignments.
    """

    kinds: Collection[Kind]

    async def carry(self, stored: StoredAssignment, part: Part) -> None:
        """Upload one *part* of *stored*; return when the bundler has acknowledged it.

        Raises:
            UnavailableError: not now; anything else may be refused now, too.
            SchedulerError: any other one: this part is refused, others may be taken.
        """
