"""A node over a real store, for tests of the node itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from seriatim.actors.compute.folds import Folds
from seriatim.actors.follow.catch_up import OpenSource
from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.wire.receipt import Receipt
from tests.support.builders import NODE
from tests.support.strategies import known_wallet

T = TypeVar("T")
WALLET = known_wallet(NODE)


@asynccontextmanager
async def running(
    path: Path,
    *,
    in_children: bool = False,
    wallet: Wallet | None = WALLET,
    policy: Policy = Policy(),  # noqa: B008  # immutable
    open_source: OpenSource | None = None,
    folds: Folds | None = None,
) -> AsyncIterator[Node]:
    node, _ = await open_node(
        path,
        wallet=wallet,
        policy=policy,
        in_children=in_children,
        open_source=open_source,
        folds=folds,
    )
    try:
        yield node
    finally:
        await node.close()


async def post(node: Node, submission: Submission) -> Receipt:
    return await node.place(submission, variant_default=Variant.NATIVE)


async def outcome(awaited: Awaitable[T]) -> T | BaseException:
    """Return what came of it, the error included."""
    return (await asyncio.gather(awaited, return_exceptions=True))[0]


def check_log(node: Node, process: bytes) -> int:
    """Audit *process* as it is on disk, and return how many slots it has."""
    audit = Audit(process)
    for stored in node.schedule(process, 0, 1 << 40):
        audit.add(stored.slot, stored.record)
    return audit.slots
