"""Real nodes as sources: a process of some length, straight and through a proxy that tampers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from seriatim.actors.node import Node
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.outbound import Outbound, OutboundPolicy
from seriatim.gateway.source import NodeSource
from seriatim.gateway.url import read_url
from tests.support.builders import ANCHOR, message, spawn
from tests.support.http_node import HttpNode, serving
from tests.support.running_node import WALLET, post
from tests.support.tampering_proxy import TamperingProxy, tampering

SLOTS = 7
META = "/~meta@1.0/info/address"
"""What only HyperBEAM's nodes, and ours, have: hidden, a node looks like an ao unit."""


async def fill(node: Node, variant: Variant, count: int = SLOTS, prefix: str = "m") -> bytes:
    """Place a spawn, if it is not there, and messages; return the process."""
    first = spawn(variant, "followed")
    await post(node, first)
    for number in range(count - 1):
        await post(node, message(first.process, f"{prefix}{number}", anchor=ANCHOR))
    return first.process


@asynccontextmanager
async def source_at(url: str, process: bytes) -> AsyncIterator[NodeSource]:
    """Yield the source of *process* at *url*; it goes nowhere else."""
    policy = OutboundPolicy(frozenset({read_url(url).origin}))
    async with Outbound(policy, reply_max_bytes=1 << 20) as outbound:
        yield NodeSource(outbound, url, process)


@asynccontextmanager
async def behind_a_proxy(
    folder: Path, variant: Variant = Variant.LEGACY
) -> AsyncIterator[tuple[HttpNode, TamperingProxy, bytes]]:
    """Serve a process of ``SLOTS`` slots, and a proxy in front; yield both, and the process."""
    async with serving(folder / "node", wallet=WALLET) as it, tampering(it.port) as proxy:
        yield it, proxy, await fill(it.node, variant)
