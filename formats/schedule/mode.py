"""When a node answers a message: HyperBEAM's option ``scheduling_mode``, by its own words."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MODE_HEADER: Final = "scheduling-mode"
"""Says, in a reply, what stands behind it where that is not the default."""


class SchedulingMode(StrEnum):
    """What has happened to a message when its sender hears of its slot."""

    AGGRESSIVE = "aggressive"
    """Nothing is on disk: a crash, or a disk that refuses, takes the slot back unsaid."""
    LOCAL = "local_confirmation"
    """Its slot is on disk. The default."""
    REMOTE = "remote_confirmation"
    """Its slot is on disk, and the bundler has acknowledged the message and its assignment."""
    DISABLED = "disabled"
    """No message gets a slot; what is there is served."""
