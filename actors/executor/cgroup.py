"""Cgroups of jobs (Linux, version 2): what bounds all OS processes of a job together.

Rlimits bound each OS process for itself, and the number of a user's OS processes, not of a job's.
Where the system lets us make cgroups, a job has one of its own: `memory.max` holds for all of it,
`pids.max` counts what it has, and neither can be left or overrun.

The system lets us where the worker runs in ``FOLDER/x`` and may write to ``FOLDER``, which shares
out the controllers ``memory`` and ``pids``: under systemd, ``Delegate=memory pids`` with
``DelegateSubgroup=worker``.
"""

from __future__ import annotations

import itertools
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from seriatim.formats.jobs.limits import Limits

_LOG: Final = logging.getLogger("seriatim.executor")
_MOUNT: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_CONTROLLERS: Final = frozenset({"memory", "pids"})


class CgroupUse(NamedTuple):
    """What the jobs in a cgroup have used, all together.

    Attributes:
        memory_peak_bytes: the most memory at once; 0 where the system does not say (before 5.19).
        is_out_of_memory: whether the system has killed one of them for want of it.
        is_out_of_processes: whether one of them was refused another OS process.
    """

    memory_peak_bytes: int = 0
    is_out_of_memory: bool = False
    is_out_of_processes: bool = False


class Cgroup:
    """The cgroup of one job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def finish(self) -> CgroupUse:
        """Kill what is in it, remove it, and return what was used."""
        use = CgroupUse(
            int(_read(self.folder / "memory.peak") or 0),
            _events(self.folder / "memory.events").get("oom_kill", 0) > 0,
            _events(self.folder / "pids.events").get("max", 0) > 0,
        )
        with suppress(OSError):  # before 5.14 there is none; the keeper has killed them
            (self.folder / "cgroup.kill").write_text("1")
        try:
            self.folder.rmdir()
        except OSError as error:
            _LOG.warning("the cgroup %s of a job is left: %s", self.folder, error)
        return use


class Cgroups:
    """The folder in which jobs get cgroups of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def create(self, limits: Limits) -> Cgroup:
        """Return a new cgroup that holds its jobs to the memory and the OS processes of *limits*.

        Raises:
            OSError: the system does not let us, whatever it has said before.
        """
        folder = self._make_folder()
        if limits.memory_bytes is not None:
            (folder / "memory.max").write_text(str(limits.memory_bytes))
            with suppress(OSError):  # a system without swap
                (folder / "memory.swap.max").write_text("0")
            (folder / "memory.oom.group").write_text("1")
        (folder / "pids.max").write_text(str(limits.processes))
        return Cgroup(folder)

    def _make_folder(self) -> Path:
        for number in self._numbers:
            folder = self.folder / f"seriatim-job-{os.getpid()}-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                # Of a worker that was killed, and had the number of this one.
                with suppress(OSError):
                    folder.rmdir()
            else:
                return folder
        raise AssertionError("there is always a further number")


def find_cgroups(mount: Path = _MOUNT, own: Path = _OWN) -> Cgroups | None:
    """Return where jobs of this OS process can have cgroups; ``None`` where the system says no.

    Args:
        mount: where cgroups of version 2 are.
        own: what says which one this OS process is in.
    """
    line = next((each for each in _read(own).splitlines() if each.startswith("0::/")), "")
    path = line.removeprefix("0::/")
    if not path:
        return None  # the root is nobody's to share out
    folder = (mount / path).parent
    shared = set(_read(folder / "cgroup.subtree_control").split())
    is_ours = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
    return Cgroups(folder) if shared >= _CONTROLLERS and is_ours else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _events(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _read(file).splitlines())
    return {name: int(count) for name, count in pairs}
