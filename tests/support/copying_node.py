"""A node that serves a copy of another one's process, and may ask for what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from seriatim.actors.compute.folds import Folds
from seriatim.actors.follow.folder import open_followed
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.http.operator import NOBODY, Operator
from tests.support.builders import CLIENT, NODE
from tests.support.http_node import HttpNode, serving, spawned
from tests.support.loopback import LOOPBACK
from tests.support.strategies import known_wallet
from tests.support.tampering_proxy import TamperingProxy, tampering


@asynccontextmanager
async def copying(
    tmp_path: Path,
    variant: Variant,
    *,
    folds: Folds | None = None,
    operator: Operator = NOBODY,
) -> AsyncIterator[tuple[HttpNode, HttpNode, TamperingProxy, str]]:
    """Serve a process, and an empty copy of it by a node that may ask; a proxy is in between.

    The node with the copy has *folds*, and *operator*.
    """
    async with serving(tmp_path / "source", wallet=known_wallet(NODE)) as source:
        process = await spawned(source, variant)
        async with tampering(source.port) as proxy:
            async with open_followed(
                tmp_path / "copy", decode_id(process), url=proxy.url, now_ms=1
            ):
                pass
            async with serving(
                tmp_path / "copy",
                wallet=known_wallet(CLIENT),
                outbound_policy=LOOPBACK,
                folds=folds,
                operator=operator,
            ) as copy:
                yield source, copy, proxy, process
