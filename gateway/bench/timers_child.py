"""Live timers in an OS process of its own: ``python -m seriatim.gateway.bench.timers_child``.

With COUNT, AT_ONCE, IDLE_S and FOLDER it prints one JSON value, a `Found`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns, process_time_ns, time_ns
from typing import Final, NamedTuple

import orjson

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.triggers.table import TriggerTable
from seriatim.formats.errors import UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.bench.idle_child import WARM_UP, anonymous_bytes

CHUNK: Final = 1_000
_SPAWN: Final = submit_unsigned(Message({"type": "Process"}))
_TARGET: Final = encode_id(_SPAWN.process)
_WAIT_MS: Final = 60_000


class Found(NamedTuple):
    """What a run of a child found, of live timers or beside them.

    Attributes:
        timer_bytes: of memory, per live timer.
        added_per_s: timers that were added, durable where there is a disk.
        appends_per_s: messages that the same node has placed for as many callers.
        start_ms: from opening a folder with all timers to the node that has them.
        start_one_ms: the same with one.
        late_ms: per fire of those that are due in one second, when it was done less that second.
        append_ms: per message of as many that are placed at once.
        idle_cpu_ms: time on a core while all timers wait.
        bare_cpu_ms: the same with none.
    """

    timer_bytes: float
    added_per_s: float
    idle_cpu_ms: float
    late_ms: list[float]
    appends_per_s: float = 0.0
    start_ms: float = 0.0
    start_one_ms: float = 0.0
    append_ms: tuple[float, ...] = ()
    bare_cpu_ms: float = 0.0


def second_to_come(count: int) -> datetime:
    """Return a second before which *count* timers can be added."""
    return (datetime.now(UTC) + timedelta(seconds=3 + count / 400)).replace(microsecond=0)


async def measure(count: int, at_once: int, idle_s: float, folder: Path) -> Found:
    """Return what *count* live timers cost, and how late *at_once* are that are due together."""
    async with _opened(folder / "many") as (node, table):
        await node.place(_SPAWN, variant_default=Variant.NATIVE)
        bare_cpu_ms = await _idle(idle_s)
        appends_per_s, append_ms = await _append(node, at_once)
        await _add(table, WARM_UP, "warm")
        before = anonymous_bytes()
        started_ns = perf_counter_ns()
        await _add(table, count, "timer")
        added_per_s = count * 1e9 / (perf_counter_ns() - started_ns)
        timer_bytes = (anonymous_bytes() - before) / count
        idle_cpu_ms = await _idle(idle_s)
        late_ms = await _fire(node, table, at_once)
    async with _opened(folder / "one") as (node, table):
        await node.place(_SPAWN, variant_default=Variant.NATIVE)
        await _add(table, 1, "timer")
    return Found(
        timer_bytes,
        added_per_s,
        idle_cpu_ms,
        late_ms,
        appends_per_s,
        await _start(folder / "many", count + WARM_UP),
        await _start(folder / "one", 1),
        tuple(append_ms),
        bare_cpu_ms,
    )


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[tuple[Node, TriggerTable]]:
    policy = Policy(accept_unsigned=True)
    node, _ = await open_node(folder, wallet=None, policy=policy, in_children=False)
    try:
        if node.triggers is None:
            raise UnavailableError("the node has no triggers")
        yield node, node.triggers
    finally:
        await node.close()


async def _start(folder: Path, count: int) -> float:
    started_ns = perf_counter_ns()
    async with _opened(folder) as (_, table):
        if table.live != count:
            raise UnavailableError(f"{table.live} timers are live, not {count}")
        return (perf_counter_ns() - started_ns) / 1e6


async def _idle(idle_s: float) -> float:
    started_ns = process_time_ns()
    await asyncio.sleep(idle_s)
    return (process_time_ns() - started_ns) / 1e6


async def _append(node: Node, count: int) -> tuple[float, list[float]]:
    """Return the rate of *count* messages that are placed at once, and how long each has taken."""
    took_ms: list[float] = []
    started_ns = perf_counter_ns()

    async def place(number: int) -> None:
        message = submit_unsigned(Message({"number": number}), process=_SPAWN.process)
        await node.place(message, variant_default=Variant.NATIVE)
        took_ms.append((perf_counter_ns() - started_ns) / 1e6)

    for at in range(0, count, CHUNK):
        await asyncio.gather(*(place(number) for number in range(at, min(at + CHUNK, count))))
    return count * 1e9 / (perf_counter_ns() - started_ns), took_ms


async def _add(table: TriggerTable, count: int, name: str, when: str = "every 9 days") -> None:
    for at in range(0, count, CHUNK):
        await asyncio.gather(
            *(
                table.define({"when": when, "process": _TARGET, "name": f"{name} {number}"})
                for number in range(at, min(at + CHUNK, count))
            )
        )


async def _fire(node: Node, table: TriggerTable, count: int) -> list[float]:
    """Return how late each of *count* messages is on disk that are due in one second."""
    due = second_to_come(count)
    due_ms = int(due.timestamp() * 1_000)
    await _add(table, count, "due", due.isoformat())
    head = node.head(_SPAWN.process)
    if head is None or time_ns() // 1_000_000 >= due_ms:
        raise UnavailableError("the second has come before all were there; choose fewer")
    late_ms: list[float] = []
    while len(late_ms) < count:
        slot = head.slot + len(late_ms) + 1
        if not await node.wait_for(_SPAWN.process, slot, _WAIT_MS):
            raise UnavailableError("the node waits no more")
        now = node.head(_SPAWN.process)
        if now is None or now.slot < slot:
            raise UnavailableError(f"only {len(late_ms)} of {count} have fired")
        late_ms += [time_ns() / 1e6 - due_ms] * (now.slot - slot + 1)
    return late_ms


def main(arguments: list[str]) -> None:
    """Measure what the command line says."""
    import uvloop  # noqa: PLC0415  # only this OS process needs a loop of its own

    count, at_once, idle_s, folder = arguments
    found = uvloop.run(measure(int(count), int(at_once), float(idle_s), Path(folder)))
    sys.stdout.buffer.write(orjson.dumps(found._asdict()))


if __name__ == "__main__":
    main(sys.argv[1:])
