"""Part f: slots per second through a fold, and ``now`` after a restart, however long the log is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

from seriatim.actors.bench import fill_folder
from seriatim.actors.compute.computing import Computing
from seriatim.actors.compute.folds import Folds
from seriatim.actors.launch import open_node
from seriatim.actors.offline import open_offline
from seriatim.actors.policy import Policy
from seriatim.formats.errors import UnavailableError
from seriatim.formats.folds.state import decode_state
from seriatim.formats.folds.step import read_step
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.bench.figure import Aim, Figure, Part, Sample, Say
from seriatim.gateway.bench.scale import Scale
from seriatim.gateway.bench.tally import tally

_SPAWN: Final = submit_unsigned(Message({"type": "Process", "execution-device": tally.name}))
_SHORT: Final = 1_024
# A start is all that it is to cost: what is read is bounded.
_NOW_AIM: Final = Aim(3.0, is_most=True)


async def measure_computing(folder: Path, scale: Scale, say: Say) -> list[Figure]:
    """Return the figures of part f; *folder* is for its files.

    Raises:
        UnavailableError: a state is wrong.
    """
    slots = scale.compute_slots
    long, short = folder / "long", folder / "short"
    say(f"filling a process with {slots:,} slots")
    await asyncio.to_thread(_fill, long, slots)
    await asyncio.to_thread(_fill, short, _SHORT)
    figures: list[Figure] = []
    for name, in_children in (("threads", False), ("children", True)):
        rounds: list[_Round] = []
        for number in range(scale.rounds):
            say(f"{name}: round {number + 1} of {scale.rounds}")
            rounds.append(await _take_round(folder, slots, in_children=in_children))
        figures += _figures(name, rounds, slots)
    return figures


class _Round(NamedTuple):
    """What one round found.

    Attributes:
        loop: the fold in a loop.
        first: over a log that nobody has computed.
        again_short: ``now`` of a node that was just started, of a short process.
        again: the same of the long one.
    """

    loop: Sample
    first: Sample
    again_short: Sample
    again: Sample


async def _take_round(folder: Path, slots: int, *, in_children: bool) -> _Round:
    loop = await asyncio.to_thread(_loop, folder / "long", slots)
    _, again_short = await _compute(folder / "short", _SHORT, in_children=in_children)
    beginning, again = await _compute(folder / "long", slots, in_children=in_children)
    return _Round(loop, Sample(slots * 1e3 / beginning.value), again_short, again)


async def _compute(data: Path, slots: int, *, in_children: bool) -> tuple[Sample, Sample]:
    """Return how long ``now`` takes of a copy of *data*, first and after a restart."""
    copy = data.with_name("copy")
    await asyncio.to_thread(shutil.copytree, data, copy)
    try:
        first = await _now(copy, slots, in_children=in_children)
        return first, await _now(copy, slots, in_children=in_children)
    finally:
        await asyncio.to_thread(shutil.rmtree, copy)


def _figures(name: str, rounds: Sequence[_Round], slots: int) -> list[Figure]:
    return [
        Figure(
            part=Part.COMPUTE,
            name=f"fold over a log, {name}",
            unit="slots/s",
            samples=[each.first for each in rounds],
            ceiling_name="the fold in a loop",
            ceilings=[each.loop for each in rounds],
            n=slots,
        ),
        Figure(
            part=Part.COMPUTE,
            name=f"now after a restart, {name}",
            unit="ms",
            samples=[each.again for each in rounds],
            ceiling_name=f"the same of {_SHORT:,} slots",
            ceilings=[each.again_short for each in rounds],
            n=slots,
            aim=_NOW_AIM,
        ),
    ]


def _fill(data: Path, slots: int) -> None:
    messages = (
        submit_unsigned(Message({"number": number}), process=_SPAWN.process)
        for number in range(1, slots)
    )
    fill_folder(data, chain([_SPAWN], messages), variant=Variant.NATIVE, wallet=None)


@asynccontextmanager
async def _computing(data: Path, *, in_children: bool) -> AsyncIterator[Computing]:
    node, _ = await open_node(
        data,
        wallet=None,
        policy=Policy(),
        in_children=in_children,
        folds=Folds(places=("seriatim.gateway.bench.tally:tally",)),
    )
    try:
        if node.computing is None:
            raise UnavailableError("the node has no folds")
        yield node.computing
    finally:
        await node.close()


async def _now(data: Path, slots: int, *, in_children: bool) -> Sample:
    """Return how long ``now`` takes a node that was just started, in milliseconds."""
    async with _computing(data, in_children=in_children) as computing:
        started_ns = perf_counter_ns()
        computed = await computing.at(_SPAWN.process)
        took_ms = (perf_counter_ns() - started_ns) / 1e6
    if decode_state(computed.state) != {"sum": slots * (slots - 1) // 2}:
        raise UnavailableError(f"a state of {slots} slots is wrong")
    return Sample(took_ms)


def _loop(data: Path, slots: int) -> Sample:
    """Return the rate of reading the log and running the fold, with nothing around it."""
    state = {"sum": 0}
    started_ns = perf_counter_ns()
    with open_offline(data) as folder:
        for slot, record in folder.records(_SPAWN.process, 0, slots - 1):
            state = tally.apply(state, read_step(_SPAWN.process, slot, record)).state
    elapsed_ns = perf_counter_ns() - started_ns
    if state != {"sum": slots * (slots - 1) // 2}:
        raise UnavailableError("the fold in a loop is wrong")
    return Sample(slots * 1e9 / elapsed_ns)
