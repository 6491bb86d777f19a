"""The flags of a node: what they stop, and that they outlive it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import seriatim
from seriatim.actors.alone import open_alone
from seriatim.actors.node import Node
from seriatim.actors.queue.commands import Claim, Done, Report
from seriatim.formats.errors import StoppingError, StoreError
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.monitor.flags import FLAGS_PATH
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.running_node import running

WORKER = Claim("w", frozenset({"render"}), commands=False, room=1)


async def submit(node: Node) -> None:
    assert node.queues is not None
    await node.queues.submit("default", [read_asked({"type": "render"})])


def test_with_stop_no_job_is_taken_and_what_is_there_runs_to_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as node:
            assert node.queues is not None
            assert node.monitor is not None
            await submit(node)
            await node.queues.wishes.change_flags(stop=True)
            with pytest.raises(StoppingError, match="flag stop"):
                await submit(node)
            [grant] = (await node.queues.claim("default", WORKER, wait_ms=0)).grants
            await node.queues.report("default", Report("w", [Done(grant.id, grant.token)]))
            view = node.monitor.look_now()
            assert (view["idle"], view["flags"]["stop"]) == (True, True)
        async with running(tmp_path) as node:
            assert node.queues is not None
            with pytest.raises(StoppingError):
                await submit(node)
            await node.queues.wishes.change_flags(stop=False)
            await submit(node)

    asyncio.run(main())


def test_with_terminate_the_monitor_rests_and_the_node_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as node:
            assert node.queues is not None
            assert node.monitor is not None
            await node.queues.wishes.change_flags(terminate=True)
            node.monitor.start()
            assert node.monitor.is_resting
            await submit(node)
            assert node.monitor.look_now()["idle"] is False

    asyncio.run(main())


async def _open_damaged(tmp_path: Path) -> None:
    async with open_alone(tmp_path, now_ms=1) as environment:
        LmdbTree(environment).change([(FLAGS_PATH, b"{}")])
    async with seriatim.open(tmp_path):
        pass


def test_damaged_flags_are_an_error_of_the_data_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"flags: .* restore the data folder from a copy"):
        asyncio.run(_open_damaged(tmp_path))
