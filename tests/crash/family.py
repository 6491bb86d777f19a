"""A node's OS processes: who they are, and how they are ended."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from pathlib import Path
from random import Random

WAIT_S = 30


def children_of(pid: int) -> list[int]:
    """Return the children of the node *pid*, the writer first."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return sorted(int(child) for child in path.read_text().split())


def kill(pid: int, victims: Sequence[int]) -> None:
    """End *victims* at once, then see that every part of the node *pid* is gone.

    Raises:
        AssertionError: a part of the node outlives the others.
    """
    handles = [os.pidfd_open(each) for each in (pid, *children_of(pid))]
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    for handle in handles:
        gone, _, _ = select.select([handle], [], [], WAIT_S)
        os.close(handle)
        assert gone, "a part of the node outlives the others"


def choose_victims(pid: int, random: Random) -> list[int]:
    """Return all of the node *pid*, or only its middle: the children have to follow it."""
    return random.choice([[pid], [*children_of(pid), pid]])
