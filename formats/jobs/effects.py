"""What a slot of a queue asks of whoever runs it, beside being on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Effects:
    """What whoever runs a queue has to see to, since it has last looked.

    Attributes:
        ready: jobs that are pending now, or have another priority as such.
        scheduled: jobs that wait for a time now.
        ended: jobs that have ended.
        given_back: jobs whose leases are over, with the workers that had them.
        freed: names of tokens of which there are more now.
    """

    __slots__ = ("ended", "freed", "given_back", "ready", "scheduled")

    def __init__(self) -> None:
        self.ready: list[Job] = []
        self.scheduled: list[Job] = []
        self.ended: list[Job] = []
        self.given_back: list[Job] = []
        self.freed: set[str] = set()
