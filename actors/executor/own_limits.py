"""The limits of one job in a child that has others before and after it: set, and lifted again.

The child sets soft limits for itself. They stop a function that does too much, and none that means
to get around them: that is what commands, other users and cgroups are for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from seriatim.formats.jobs.outcome import Usage

_IS_LINUX = sys.platform == "linux"
_RESET_PEAK = "5"


@contextmanager
def held_to(limits: Mapping[str, int]) -> Iterator[None]:
    """Hold this OS process to ``cpu_ms``, ``memory_bytes`` and ``files`` meanwhile.

    Processor time counts from now on, and memory what is had besides what there is now.
    """
    import resource  # noqa: PLC0415  # Windows has none, and never comes here

    with ExitStack() as lifted:
        if "cpu_ms" in limits:
            used = resource.getrusage(resource.RUSAGE_SELF)
            used_s = int(used.ru_utime + used.ru_stime)
            lifted.enter_context(_bound(resource.RLIMIT_CPU, used_s + -(-limits["cpu_ms"] // 1000)))
        if "files" in limits:
            lifted.enter_context(_bound(resource.RLIMIT_NOFILE, limits["files"]))
        if "memory_bytes" in limits and _IS_LINUX:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most_bytes = pages * resource.getpagesize() + limits["memory_bytes"]
            lifted.enter_context(_bound(resource.RLIMIT_AS, most_bytes))
        yield


@contextmanager
def _bound(what: int, soft: int) -> Iterator[None]:
    import resource  # noqa: PLC0415  # as above

    before, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(what, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (before, hard))


class Meter:
    """Measures what this OS process, and what it has started and reaped, uses from now on."""

    def __init__(self) -> None:
        if _IS_LINUX:
            with suppress(OSError):  # not every container lets us
                Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        self._cpu_ms = _cpu_ms()

    def read(self) -> Usage:
        """Return what was used since."""
        return Usage(0, _cpu_ms() - self._cpu_ms, _peak_bytes())


def _cpu_ms() -> int:
    import resource  # noqa: PLC0415  # as above

    each = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return int(sum(used.ru_utime + used.ru_stime for used in each) * 1000)


def _peak_bytes() -> int:
    """Return the largest resident size since the last `Meter`; 0 where nobody says."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    line = next((each for each in status.splitlines() if each.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024
