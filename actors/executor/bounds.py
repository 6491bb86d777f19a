"""What the system that we run on can hold a job to, and what it cannot."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from seriatim.actors.executor.cgroup import Cgroups
from seriatim.formats.errors import UnsupportedError


class Bounds(NamedTuple):
    """What can be bounded here; wall time, output and descriptors always can.

    Attributes:
        memory: the address space of each OS process of a job.
        processes: how many OS processes a job has.
        leftovers: whether all that a job leaves behind is found and ended, and not its group only.
        together: memory and OS processes of a whole job, by a cgroup.
    """

    memory: bool
    processes: bool
    leftovers: bool
    together: bool

    @property
    def notice(self) -> str:
        """One sentence on what is not bounded here, and could be elsewhere; empty for nothing."""
        missing = {
            "the memory of a job": self.memory,
            "the number of its OS processes": self.processes,
            "what it starts in other sessions": self.leftovers,
        }
        unbounded = [what for what, is_bounded in missing.items() if not is_bounded]
        return f"this system does not bound {', '.join(unbounded)}" if unbounded else ""


def bounds_here(cgroups: Cgroups | None) -> Bounds:
    """Return what this system can bound; *cgroups* are the worker's, where it has any."""
    is_linux = sys.platform == "linux"
    has_proc = is_linux and Path("/proc/self/stat").exists()
    return Bounds(
        memory=is_linux,
        processes=has_proc or cgroups is not None,
        leftovers=has_proc,
        together=cgroups is not None,
    )


def check_runs_here() -> None:
    """Return where jobs can be run.

    Raises:
        UnsupportedError: this is Windows.
    """
    if sys.platform == "win32":
        raise UnsupportedError(
            "commands and functions in OS processes of their own need a POSIX system; run this "
            "worker under Linux or macOS, or its functions in threads"
        )
