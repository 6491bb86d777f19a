"""Part a: appends inside one OS process, against bare LMDB with the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.gateway.bench.corpus import make_payload
from seriatim.gateway.bench.figure import (
    Aim,
    Figure,
    Measure,
    Part,
    Sample,
    Say,
    make_sample,
    take_turns,
)
from seriatim.gateway.bench.scale import Scale
from seriatim.store.baseline import BareLog, GroupCommit

CALLERS: Final = 64
PROCESSES: Final = (1, 1_000)
RATE_AIM: Final = Aim(0.60)
LATENCY_AIM: Final = Aim(1.5, is_most=True)
UNIT: Final = "appends/s"

_TRANSACTION_EACH: Final = "LMDB commit each"
_GROUP_COMMIT: Final = "LMDB group commit"

Append = Callable[[int], Awaitable[object]]
"""Makes the append with that number durable; every number comes once."""


class _Subject(NamedTuple):
    """One node under measurement.

    Attributes:
        node: the node.
        name: where its writer lives.
        processes: ids of its processes.
        numbers: numbers that no message has had yet.
        record: the bytes of one of its records, for the bare log.
    """

    node: Node
    name: str
    processes: Sequence[bytes]
    numbers: Iterator[int]
    record: bytes


async def measure_appends(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part a; *folder* is for its files."""
    figures: list[Figure] = []
    for name, in_children in (("threads", False), ("children", True)):
        node, _ = await open_node(
            folder / name,
            wallet=None,
            policy=Policy(accept_unsigned=True),
            in_children=in_children,
        )
        try:
            say(f"{name}: spawning")
            subject = await _make_subject(node, name)
            for processes in PROCESSES:
                with _bare_log(folder / f"{name}-{processes}") as bare:
                    figures += await _compare(
                        subject._replace(processes=subject.processes[:processes]), bare, scale, say
                    )
        finally:
            await node.close()
    return figures


async def _make_subject(node: Node, name: str) -> _Subject:
    """Return *node* with the processes that it is to have."""
    spawns = [
        submit_unsigned(
            Message({"type": "Process", "variant": Variant.NATIVE.tag, "name": f"{number}"})
        )
        for number in range(max(PROCESSES))
    ]
    receipts = await asyncio.gather(
        *(node.place(spawn, variant_default=Variant.NATIVE) for spawn in spawns)
    )
    subject = _Subject(node, name, [receipt.process for receipt in receipts], count(), b"")
    receipt = await _append(subject, next(subject.numbers))
    record = node.stored(receipt.process, receipt.slot).record.encode()
    return subject._replace(record=record)


async def _compare(subject: _Subject, bare: BareLog, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of *subject* beside those of *bare*, taken in turns."""
    append = partial(_append, subject)
    slots = [count() for _ in subject.processes]

    async def append_bare(number: int) -> None:
        at = number % len(slots)
        bare.put(subject.processes[at], next(slots[at]), subject.record)

    measures: dict[str, Measure] = {
        _TRANSACTION_EACH: lambda _: _measure(append_bare, 1, scale.appends_one, subject.numbers),
        "one": lambda _: _measure(append, 1, scale.appends_one, subject.numbers),
        _GROUP_COMMIT: lambda _: _measure_group(bare, subject, slots, scale.appends_many),
        "many": lambda _: _measure(append, CALLERS, scale.appends_many, subject.numbers),
    }
    where = f"{len(slots)} process{'es' * (len(slots) > 1)}, {subject.name}"
    samples = await take_turns(scale.rounds, measures, lambda what: say(f"{where}: {what}"))
    line = partial(Figure, part=Part.IN_PROCESS)
    one, each = samples["one"], samples[_TRANSACTION_EACH]
    one_line = partial(line, ceiling_name=_TRANSACTION_EACH, n=scale.appends_one)
    return [
        one_line(name=f"1 caller, {where}", unit=UNIT, samples=one, ceilings=each),
        one_line(
            name=f"1 caller, {where}: p50",
            unit="µs",
            samples=_latencies(one),
            ceilings=_latencies(each),
            aim=LATENCY_AIM,
        ),
        line(
            name=f"{CALLERS} callers, {where}",
            unit=UNIT,
            samples=samples["many"],
            ceiling_name=_GROUP_COMMIT,
            ceilings=samples[_GROUP_COMMIT],
            n=scale.appends_many,
            aim=RATE_AIM,
        ),
    ]


async def _append(subject: _Subject, number: int) -> Receipt:
    process = subject.processes[number % len(subject.processes)]
    message = submit_unsigned(Message({"data": make_payload(number)}), process=process)
    return await subject.node.place(message, variant_default=Variant.NATIVE)


async def _measure_group(
    bare: BareLog, subject: _Subject, slots: Sequence[Iterator[int]], appends: int
) -> Sample:
    """Return how fast `CALLERS` tasks append to *bare* through one writing thread."""
    loop = asyncio.get_running_loop()

    def release(durable: list[asyncio.Future[None]]) -> None:
        loop.call_soon_threadsafe(_resolve_all, durable)

    group: GroupCommit[asyncio.Future[None]] = GroupCommit(bare, release)

    async def append(number: int) -> None:
        at = number % len(slots)
        done = loop.create_future()
        group.put_nowait(done, subject.processes[at], next(slots[at]), subject.record)
        await done

    with ThreadPoolExecutor(1) as pool:
        writing = loop.run_in_executor(pool, group.run)
        try:
            return await _measure(append, CALLERS, appends, subject.numbers)
        finally:
            group.stop()
            await writing


async def _measure(append: Append, callers: int, appends: int, numbers: Iterator[int]) -> Sample:
    """Return the rate and the latencies of *appends* by that many *callers* at once."""
    latencies_ns: list[int] = []

    async def call(share: int) -> None:
        for _, number in zip(range(share), numbers, strict=False):
            started_ns = perf_counter_ns()
            await append(number)
            latencies_ns.append(perf_counter_ns() - started_ns)

    started_ns = perf_counter_ns()
    await asyncio.gather(*(call(appends // callers) for _ in range(callers)))
    return make_sample(len(latencies_ns), perf_counter_ns() - started_ns, latencies_ns)


@contextmanager
def _bare_log(path: Path) -> Iterator[BareLog]:
    path.mkdir()
    bare = BareLog(path)
    try:
        yield bare
    finally:
        bare.close()


def _latencies(samples: Sequence[Sample]) -> list[Sample]:
    """Return the median latencies of *samples* as figures of their own."""
    return [Sample(sample.p50_us) for sample in samples if sample.p50_us is not None]


def _resolve_all(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)
