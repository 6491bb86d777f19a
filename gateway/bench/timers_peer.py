"""The same of APScheduler 3, where it is installed: in memory, or on disk by SQLAlchemy and SQLite.

Run as ``python -m seriatim.gateway.bench.timers_peer COUNT AT_ONCE IDLE_S [FILE]`` it prints a
`Found`: of timers that end with it, or of those in FILE, with SQLite's own defaults.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from time import perf_counter_ns, process_time_ns, time_ns
from typing import Any, Final

import orjson

from seriatim.gateway.bench.idle_child import WARM_UP, anonymous_bytes
from seriatim.gateway.bench.timers_child import Found, second_to_come

_LATE_S: Final = 6_000


_FIRED_MS: Final[list[float]] = []
_FIRE: Final = "seriatim.gateway.bench.timers_peer:fire"


async def fire() -> None:
    """Be what is due: look at the clock. A job on disk is a name."""
    _FIRED_MS.append(time_ns() / 1e6)


async def measure(count: int, at_once: int, idle_s: float, file: str = "") -> Found:
    """Return what `timers_child.measure` does, of jobs that do nothing but look at the clock."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415  # it is no must

    stores = {"default": {"type": "sqlalchemy", "url": f"sqlite:///{file}"}} if file else {}
    scheduler = AsyncIOScheduler(timezone=UTC, jobstores=stores)
    scheduler.start()
    _add(scheduler, WARM_UP, "warm")
    before = anonymous_bytes()
    started_ns = perf_counter_ns()
    _add(scheduler, count, "timer")
    added_per_s = count * 1e9 / (perf_counter_ns() - started_ns)
    timer_bytes = (anonymous_bytes() - before) / count
    await asyncio.sleep(0)  # it looks at what was added
    started_ns = process_time_ns()
    await asyncio.sleep(idle_s)
    idle_cpu_ms = (process_time_ns() - started_ns) / 1e6
    due = second_to_come(at_once)
    _add(scheduler, at_once, "due", run_date=due)
    while len(_FIRED_MS) < at_once:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0.1)
    due_ms = due.timestamp() * 1_000
    scheduler.shutdown(wait=False)
    return Found(timer_bytes, added_per_s, idle_cpu_ms, [each - due_ms for each in _FIRED_MS])


def _add(scheduler: Any, count: int, name: str, **when: datetime) -> None:
    kind = {"trigger": "date", **when} if when else {"trigger": "interval", "days": 9}
    for number in range(count):
        scheduler.add_job(_FIRE, id=f"{name} {number}", misfire_grace_time=_LATE_S, **kind)


def main(arguments: list[str]) -> None:
    """Measure what the command line says."""
    count, at_once, idle_s, *files = arguments
    found = asyncio.run(measure(int(count), int(at_once), float(idle_s), *files))
    sys.stdout.buffer.write(orjson.dumps(found._asdict()))


if __name__ == "__main__":
    # By its name: jobs are found by that, and what they have done is said to that module.
    import seriatim.gateway.bench.timers_peer as own

    own.main(sys.argv[1:])
