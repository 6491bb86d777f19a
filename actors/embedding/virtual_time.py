"""Letting virtual time pass for a node: what comes due is done before the clock goes on."""

from __future__ import annotations

from typing import Unpack

from seriatim.actors.embedding.node import EmbeddedNode
from seriatim.actors.runtime.virtual_clock import Passed, VirtualClock, passed_ms


async def pass_time(node: EmbeddedNode, clock: VirtualClock, **passed: Unpack[Passed]) -> None:
    """Let time pass for *node*, which was opened with *clock*.

    The clock stops whenever a timer comes due, until the messages of triggers are on disk and the
    functions that they call have ended. So a call takes no time, and none overlaps with the next.

    Raises:
        ValueError: the sum is below zero.
    """
    end_ms = clock.monotonic_ms() + passed_ms(passed)
    await node.triggers.settled()
    while (due_ms := clock.due_ms()) is not None and due_ms <= end_ms:
        clock.advance(milliseconds=due_ms - clock.monotonic_ms())
        await node.triggers.settled()
    clock.advance(milliseconds=end_ms - clock.monotonic_ms())
    await node.triggers.settled()
