"""Part g: timers that wait, timers that are added, and how late many are that are due together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from seriatim.gateway.bench.children import PEER_TIMERS, TIMERS, run_tool
from seriatim.gateway.bench.figure import PERCENT_99, Aim, Figure, Part, Sample, Say
from seriatim.gateway.bench.idle import MEMORY_BYTES
from seriatim.gateway.bench.scale import Scale
from seriatim.gateway.bench.timers_child import Found

_PEER: Final = "APScheduler 3, in memory"
_PEER_ON_DISK: Final = "APScheduler 3, on disk"
_IDLE_SHARE: Final = 0.01


async def measure_timers(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part g; *folder* is for its files.

    Raises:
        UnavailableError: a child has failed.
    """
    numbers = (str(scale.timers), str(scale.timers_at_once), str(scale.timers_idle_s))
    say(f"{scale.timers:,} live timers")
    found = Found(**await run_tool(TIMERS, *numbers, str(folder)))
    figures = _figures(found, scale)
    if find_spec("apscheduler") is not None:
        say(f"{scale.timers:,} live timers of APScheduler 3")
        peer = Found(**await run_tool(PEER_TIMERS, *numbers))
        figures += _beside(found, peer, scale)
        if find_spec("sqlalchemy") is not None:
            say(f"{scale.timers_at_once:,} timers of APScheduler 3 on disk")
            few = (str(scale.timers_at_once), str(scale.timers_at_once), "0")
            peer = Found(**await run_tool(PEER_TIMERS, *few, str(folder / "peer.sqlite")))
            figures += _beside_on_disk(found, peer, scale)
    return figures


def _figures(found: Found, scale: Scale) -> list[Figure]:
    count, at_once, idle_ms = scale.timers, scale.timers_at_once, scale.timers_idle_s * 1e3
    aim = Aim(1.0, is_most=True)
    return [
        _line("memory per timer", "bytes", found.timer_bytes, "2 KB", MEMORY_BYTES, count),
        _line(
            "adding timers", "timers/s", found.added_per_s, "appends", found.appends_per_s, count
        ),
        _line(
            "start with all of them", "ms", found.start_ms, "with one", found.start_one_ms, count
        ),
        *(
            _line(
                f"due in one second, {name}",
                "ms",
                percentile(found.late_ms, share),
                f"as many messages at once, {name}",
                percentile(found.append_ms, share),
                at_once,
            )
            for name, share in (("p50", 0.5), ("p99", PERCENT_99))
        ),
        _line(
            f"CPU while {count:,} wait, {scale.timers_idle_s:g} s",
            "ms",
            found.idle_cpu_ms,
            "1 % of a core",
            idle_ms * _IDLE_SHARE,
            count,
            aim,
        ),
        _line(
            "the same", "ms", found.idle_cpu_ms, "a node without timers", found.bare_cpu_ms, count
        ),
    ]


def _beside(found: Found, peer: Found, scale: Scale) -> list[Figure]:
    """Return what was found beside what the peer takes, whose timers are gone when it ends."""
    count = scale.timers
    return [
        _line("memory per timer", "bytes", found.timer_bytes, _PEER, peer.timer_bytes, count),
        _line("adding timers", "timers/s", found.added_per_s, _PEER, peer.added_per_s, count),
        *_lateness(found, peer, _PEER, scale.timers_at_once),
        _line("CPU while they wait", "ms", found.idle_cpu_ms, _PEER, peer.idle_cpu_ms, count),
    ]


def _beside_on_disk(found: Found, peer: Found, scale: Scale) -> list[Figure]:
    """Return what was found beside what the peer takes for what is on disk, as ours is."""
    at_once = scale.timers_at_once
    against = (_PEER_ON_DISK, peer.added_per_s, at_once)
    return [
        _line("adding timers", "timers/s", found.added_per_s, *against),
        *_lateness(found, peer, _PEER_ON_DISK, at_once),
    ]


def _lateness(found: Found, peer: Found, name: str, at_once: int) -> list[Figure]:
    return [
        _line(
            f"due in one second, {percent}",
            "ms",
            percentile(found.late_ms, share),
            name,
            percentile(peer.late_ms, share),
            at_once,
        )
        for percent, share in (("p50", 0.5), ("p99", PERCENT_99))
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of *values*, which are not empty, are."""
    return sorted(values)[int((len(values) - 1) * share)]


def _line(
    name: str, unit: str, value: float, against: str, ceiling: float, n: int, aim: Aim | None = None
) -> Figure:
    return Figure(
        part=Part.TIMERS,
        name=name,
        unit=unit,
        samples=[Sample(float(value))],
        ceiling_name=against,
        ceilings=[Sample(float(ceiling))],
        n=n,
        aim=aim,
    )
