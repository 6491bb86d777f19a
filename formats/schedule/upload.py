"""What of an assignment is published: the message, the assignment, each by itself."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntFlag

from seriatim.formats.schedule.record import Kind, Record


class Part(IntFlag):
    """Items that are uploaded, each one by itself, in this order."""

    NOTHING = 0
    MESSAGE = 1
    ASSIGNMENT = 2


def upload_of(record: Record, kinds: Collection[Kind]) -> Part:
    """Return what of *record* a bundler takes that takes messages of *kinds*.

    Nobody can check what nobody signed, so that is not uploaded. A reference's message is where
    it came from; an HTTP message is the body of its assignment, and goes with it.
    """
    if record.kind not in kinds or not record.variant.signed:
        return Part.NOTHING
    return Part.MESSAGE | Part.ASSIGNMENT if record.kind is Kind.ITEM else Part.ASSIGNMENT
