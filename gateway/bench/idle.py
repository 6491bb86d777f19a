"""Part d: what a process costs that does nothing, and how long a node takes to start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from sys import getsizeof
from time import perf_counter_ns
from typing import Final, NamedTuple

from seriatim.actors.bench import fill_folder
from seriatim.actors.launch import open_node
from seriatim.actors.policy import Policy
from seriatim.formats.errors import NotFoundError
from seriatim.formats.ids import ID_BYTES, encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import Submission, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.bench.children import IDLE, run_tool
from seriatim.gateway.bench.figure import Aim, Figure, Measure, Part, Sample, Say, take_turns
from seriatim.gateway.bench.idle_child import WARM_UP
from seriatim.gateway.bench.scale import Scale

MEMORY_BYTES: Final = 2_048
STARTS_PER_ROUND: Final = 2
START_AIM: Final = Aim(1.5, is_most=True)


class _Shape(NamedTuple):
    """A data folder that a node starts on.

    Attributes:
        name: for the table.
        path: the folder.
        process: the process that is read and appended to first.
    """

    name: str
    path: Path
    process: bytes


async def measure_idle(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part d; *folder* is for its files.

    Raises:
        UnavailableError: the child that measures memory failed.
    """
    return [*await _measure_memory(folder, scale, say), *await _measure_starts(folder, scale, say)]


async def _measure_memory(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the bytes per live process, beside the aim and beside those of its id alone."""
    counts = [str(count) for count in scale.live]
    nodes: list[list[float]] = []
    data = folder / "live"
    say(f"filling a log of {max(scale.live):,} processes")
    await _fill(data, _spawns(max(scale.live) + WARM_UP))
    for number in range(scale.rounds):
        say(f"memory of live processes: round {number + 1} of {scale.rounds}")
        nodes.append(await run_tool(IDLE, *counts, str(data)))
    figures: list[Figure] = []
    for at, count in enumerate(scale.live):
        line = partial(
            Figure,
            part=Part.IDLE,
            name=f"per idle process, {count:,} live",
            unit="bytes",
            samples=[Sample(found[at]) for found in nodes],
            n=count,
        )
        bound = [Sample(float(MEMORY_BYTES))] * scale.rounds
        figures.append(line(ceiling_name="2 KB", ceilings=bound, aim=Aim(1.0, is_most=True)))
        table = [Sample(table_bytes(count))] * scale.rounds
        figures.append(line(ceiling_name="two ids in a dict", ceilings=table))
    return figures


def table_bytes(count: int) -> float:
    """Return the bytes per entry of what nobody can do without: a table from ids to ids."""
    table = {number.to_bytes(ID_BYTES, "big"): bytes(ID_BYTES) for number in range(count)}
    entries_bytes = sum(getsizeof(key) + getsizeof(value) for key, value in table.items())
    return (getsizeof(table) + entries_bytes) / count


async def _measure_starts(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return how long a node takes from opening to its first append, on folders of all shapes."""
    shortest, *shapes = [shape async for shape in _make_shapes(folder, scale, say)]
    figures: list[Figure] = []
    for where, in_children in (("threads", False), ("children", True)):
        measures: dict[str, Measure] = {
            shape.name: partial(_start, shape, in_children) for shape in (shortest, *shapes)
        }
        await _start(shortest, in_children, 0)  # what this OS process loads on first use
        rounds = scale.rounds * STARTS_PER_ROUND
        samples = await take_turns(rounds, measures, lambda what: say(f"start: {what}"))
        figures += [
            Figure(
                part=Part.IDLE,
                name=f"start: {shape.name}, {where}",
                unit="ms",
                samples=samples[shape.name],
                ceiling_name=shortest.name,
                ceilings=samples[shortest.name],
                n=1,
                aim=START_AIM,
            )
            for shape in shapes
        ]
    return figures


async def _make_shapes(folder: Path, scale: Scale, say: Say) -> AsyncIterator[_Shape]:
    """Yield the folders to start on, the smallest one first."""
    sizes = [(1, 1), *((processes, 1) for processes in scale.idle_processes), (1, scale.idle_slots)]
    for processes, slots in sizes:
        name = f"{slots:,} slot{'s' * (slots > 1)}"
        if processes > 1:
            name = f"{processes:,} processes"
        say(f"filling a log: {name}")
        path = folder / f"start-{processes}-{slots}"
        spawn = next(_spawns(1))
        messages = _messages(spawn.process, slots - 1)
        await _fill(path, chain(_spawns(processes), messages))
        yield _Shape(name, path, spawn.process)


async def _start(shape: _Shape, in_children: bool, number: int) -> Sample:  # noqa: FBT001  # partial
    """Return the milliseconds from opening the folder to the first append."""
    started_ns = perf_counter_ns()
    node, _ = await open_node(
        shape.path,
        wallet=None,
        policy=Policy(accept_unsigned=True),
        in_children=in_children,
    )
    try:
        if node.head(shape.process) is None:
            raise NotFoundError(f"process {encode_id(shape.process)} was not filled in")
        message = submit_unsigned(Message({"data": f"start {number}"}), process=shape.process)
        await node.place(message, variant_default=Variant.NATIVE)
        return Sample((perf_counter_ns() - started_ns) / 1e6)
    finally:
        await node.close()


async def _fill(path: Path, submissions: Iterable[Submission]) -> None:
    await asyncio.to_thread(fill_folder, path, submissions, variant=Variant.NATIVE, wallet=None)


def _spawns(count: int) -> Iterator[Submission]:
    for number in range(count):
        yield submit_unsigned(
            Message({"type": "Process", "variant": Variant.NATIVE.tag, "name": f"{number}"})
        )


def _messages(process: bytes, count: int) -> Iterator[Submission]:
    """Yield small messages: how many there are is what matters here."""
    for number in range(count):
        yield submit_unsigned(Message({"data": f"{number}"}), process=process)
