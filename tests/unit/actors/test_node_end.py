"""How a node ends: closed, cancelled, killed, or held up by a child that hangs."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.runtime import child_offload
from seriatim.actors.runtime.batcher import Batcher
from seriatim.actors.runtime.child_offload import ChildOffload
from seriatim.actors.scheduler import system
from seriatim.formats.errors import (
    ChildDiedError,
    DeadlineExceededError,
    StoppingError,
    UnavailableError,
)
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from tests.support.builders import message, messages, spawn
from tests.support.running_node import check_log, outcome, post, running


def child_of(batcher: Batcher[Any, Any]) -> ChildOffload[Any, Any]:
    offload = batcher._offload
    assert isinstance(offload, ChildOffload)
    return offload


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_closing_node_answers_all_it_took_and_refuses_the_rest(
    tmp_path: Path, in_children: bool
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=in_children) as node:
            process = (await post(node, spawn(Variant.HYPERBEAM))).process
            taken = [
                asyncio.create_task(outcome(post(node, each))) for each in messages(process, 100)
            ]
            await asyncio.sleep(0)
            closing = [asyncio.create_task(node.close()) for _ in range(2)]
            await asyncio.sleep(0)
            late = await outcome(post(node, message(process, "late")))
            assert isinstance(late, StoppingError)
            receipts = await asyncio.gather(*taken)
            await asyncio.gather(*closing)
            await node.close()
        assert sorted(each.slot for each in receipts if isinstance(each, Receipt)) == list(
            range(1, 101)
        )
        async with running(tmp_path / "data") as node:
            assert check_log(node, process) == 101
            for each, receipt in zip(messages(process, 100), receipts, strict=True):
                assert isinstance(receipt, Receipt)
                assert await post(node, each) == receipt._replace(repeated=True)

    asyncio.run(main())


@pytest.mark.slow
def test_a_killed_writer_ends_the_node_and_the_next_one_finds_a_whole_log(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=True) as node:
            process = (await post(node, spawn(Variant.LEGACY))).process
            batch = messages(process, 200)
            results = [asyncio.create_task(outcome(post(node, each))) for each in batch]
            await asyncio.wait(results, return_when=asyncio.FIRST_COMPLETED)
            os.kill(child_of(node._scheduler._committer._batcher).pid, signal.SIGKILL)
            answers = await asyncio.gather(*results)
            assert all(isinstance(each, (Receipt, UnavailableError)) for each in answers)
            with pytest.raises(ChildDiedError) as caught:
                await node.failed
            assert caught.value.status == -signal.SIGKILL
            with pytest.raises(UnavailableError):
                await post(node, message(process, "too late"))
        async with running(tmp_path / "data") as node:
            acknowledged = [each for each in answers if isinstance(each, Receipt)]
            assert check_log(node, process) > len(acknowledged)
            for each, answer in zip(batch, answers, strict=True):
                receipt = await post(node, each)
                if isinstance(answer, Receipt):
                    assert receipt == answer._replace(repeated=True)
            assert check_log(node, process) == len(batch) + 1

    asyncio.run(main())


def test_a_killed_verifier_ends_the_node_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=True) as node:
            os.kill(child_of(node._verifier).pid, signal.SIGKILL)
            with pytest.raises(ChildDiedError):
                await node.failed
            with pytest.raises(UnavailableError):
                await post(node, spawn(Variant.LEGACY))

    asyncio.run(main())


def test_a_verifier_that_hangs_has_a_deadline_and_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=True) as node:
            process = (await post(node, spawn(Variant.LEGACY))).process
            monkeypatch.setattr(system, "ASK_DEADLINE_MS", 100)
            monkeypatch.setattr(child_offload, "STOP_DEADLINE_MS", 50)
            os.kill(child_of(node._verifier).pid, signal.SIGSTOP)
            with pytest.raises(DeadlineExceededError, match="verifier"):
                await post(node, message(process, "unheard"))

    asyncio.run(main())


def test_a_writer_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=True) as node:
            process = (await post(node, spawn(Variant.LEGACY))).process
            monkeypatch.setattr(system, "ASK_DEADLINE_MS", 100)
            monkeypatch.setattr(child_offload, "STOP_DEADLINE_MS", 50)
            os.kill(child_of(node._scheduler._committer._batcher).pid, signal.SIGSTOP)
            waiting = [outcome(post(node, each)) for each in messages(process, 3)]
            errors = await asyncio.gather(*waiting)
            assert all(isinstance(error, DeadlineExceededError) for error in errors)
        async with running(tmp_path / "data") as node:
            assert check_log(node, process) == 1

    asyncio.run(main())


def test_a_child_that_dies_while_the_other_starts_ends_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[ChildOffload[Any, Any]] = []
    start_child = ChildOffload.start

    async def start(*args: Any, **options: Any) -> ChildOffload[Any, Any]:
        child: ChildOffload[Any, Any] = await start_child(*args, **options)
        children.append(child)
        if len(children) == 2:
            os.kill(children[0].pid, signal.SIGKILL)
            await children[0]._gone
        return child

    async def main() -> None:
        monkeypatch.setattr(ChildOffload, "start", start)
        async with running(tmp_path / "data", in_children=True) as node:
            with pytest.raises(ChildDiedError):
                await node.failed

    asyncio.run(main())


def test_whoever_stops_waiting_for_the_end_does_not_stop_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as node:
            closing = asyncio.create_task(node.close())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            await node.close()
            async with running(tmp_path / "data"):
                pass

    asyncio.run(main())
