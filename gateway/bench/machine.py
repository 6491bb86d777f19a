"""What the figures were taken on: the machine and the versions of what decides their speed."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

PACKAGES: Final = (
    "aiohttp",
    "uvloop",
    "lmdb",
    "pykka",
    "cryptography",
    "coincurve",
    "orjson",
    "cbor2",
)
_SYNCS: Final = 200
_PAGE_BYTES: Final = 4_096


def describe_machine(folder: Path) -> dict[str, Any]:
    """Return cores, memory, system, versions, and how long *folder*'s disk takes to sync 4 KB."""
    return {
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "fsync_4k_p50_us": _sync_p50_us(folder / "sync"),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }


class OthersWatch:
    """How much of the machine somebody else uses while something of ours runs.

    Children count as ours once they have ended, and theirs with them.
    """

    def __init__(self) -> None:
        """Start watching."""
        self._started_ns = perf_counter_ns()
        self._busy_s = _busy_s()
        self._own_s = _own_s()

    def share(self) -> float | None:
        """Return the share of all cores since the start, from 0; ``None`` where not told."""
        busy_s = _busy_s()
        if busy_s is None or self._busy_s is None:
            return None
        elapsed_s = (perf_counter_ns() - self._started_ns) / 1e9
        others_s = (busy_s - self._busy_s) - (_own_s() - self._own_s)
        return max(others_s, 0.0) / (elapsed_s * (os.cpu_count() or 1))


def _busy_s() -> float | None:
    """Return how long the cores have been busy since the machine started, on Linux."""
    try:
        with Path("/proc/stat").open() as file:
            user, nice, system = map(int, file.readline().split()[1:4])
    except OSError:
        return None
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Return the time on a core of this OS process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _processor() -> str:
    """Return the processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _sync_p50_us(path: Path) -> float:
    """Return the median time of appending 4 KB to a file and syncing it."""
    took_ns = []
    page = bytes(_PAGE_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(_SYNCS):
            started_ns = perf_counter_ns()
            os.write(descriptor, page)
            os.fdatasync(descriptor)
            took_ns.append(perf_counter_ns() - started_ns)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(took_ns) / 1e3
