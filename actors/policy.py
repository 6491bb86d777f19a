"""What the operator lets a node do."""

from __future__ import annotations

from typing import NamedTuple

from seriatim.formats.schedule.mode import SchedulingMode


class Policy(NamedTuple):
    """What a node takes.

    Attributes:
        accept_unsigned: messages without a signature; each takes a new slot.
        any_scheduler: spawns that name another node's wallet as their scheduler.
        mode: when a message is answered; ``DISABLED`` takes none.
        shows_own_logs: the logs of the node's triggers and queues are read like any other; else by
            whoever has the folder only. They say what the operator does, when, and in which words.
    """

    accept_unsigned: bool = False
    any_scheduler: bool = False
    mode: SchedulingMode = SchedulingMode.LOCAL
    shows_own_logs: bool = False
