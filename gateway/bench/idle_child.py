"""Memory of idle live processes, in an OS process of its own, where nothing else takes any.

Run as ``python -m seriatim.gateway.bench.idle_child COUNT … FOLDER`` it opens a node on the data
folder FOLDER, which holds as many processes as the last COUNT and `WARM_UP` say together, and
prints, per COUNT, the bytes that each of that many live processes takes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.errors import StoreError, UnavailableError
from seriatim.formats.limits import PAGE_MAX
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant

WARM_UP: Final = 500
"""Processes that are live before the first measurement: what is made once is made for them."""


async def measure_node(counts: Sequence[int], folder: Path) -> list[float]:
    """Return the bytes per live process at each of *counts*, which rise.

    The node writes in a thread of this OS process, so that the writer's memory counts too.

    Raises:
        UnavailableError: not all processes that were sent a message are live.
    """
    node, _ = await open_node(
        folder, wallet=None, policy=Policy(accept_unsigned=True), in_children=False
    )
    try:
        ids = _all_processes(node)
        await _wake(node, ids[:WARM_UP])
        before = anonymous_bytes()
        found = []
        awake = 0
        for count in counts:
            await _wake(node, ids[WARM_UP + awake : WARM_UP + count])
            awake = count
            if len(node.live) != WARM_UP + count:
                raise UnavailableError(f"{len(node.live)} processes live, not {WARM_UP + count}")
            found.append((anonymous_bytes() - before) / count)
        return found
    finally:
        await node.close()


def anonymous_bytes() -> int:
    """Return the resident memory of this OS process, files that it has mapped not counted.

    The store's pages are such files: the system takes them back when it needs the memory.

    Raises:
        StoreError: the system does not say; Linux does.
    """
    gc.collect()
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError as error:
        raise StoreError(f"this system does not tell memory apart: {error.strerror}") from error
    found = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return sum(found) * 1_024


def _all_processes(node: Node) -> list[bytes]:
    ids: list[bytes] = []
    while page := node.processes(after=ids[-1] if ids else None, limit=PAGE_MAX):
        ids += page
    return ids


async def _wake(node: Node, processes: Sequence[bytes]) -> None:
    """Send each of *processes* a message, some at a time."""
    for at in range(0, len(processes), WARM_UP):
        await asyncio.gather(
            *(
                node.place(
                    submit_unsigned(Message({"data": "wake"}), process=process),
                    variant_default=Variant.NATIVE,
                )
                for process in processes[at : at + WARM_UP]
            )
        )


def main(arguments: list[str]) -> None:
    """Measure what the command line says."""
    import uvloop  # noqa: PLC0415  # only this OS process needs a loop of its own

    *counts, folder = arguments
    found = uvloop.run(measure_node([int(count) for count in counts], Path(folder)))
    sys.stdout.buffer.write(orjson.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
