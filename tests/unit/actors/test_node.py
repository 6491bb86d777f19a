"""The node: what it takes and refuses, what it answers, how it ends; with a real store."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import chain
from pathlib import Path

import pytest

from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import (
    BadSignatureError,
    ChildFailedError,
    ForeignSchedulerError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    StoreError,
    StoreLockedError,
    UnsignedError,
)
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PAGE_BLOCK_BYTES
from seriatim.formats.message import Message
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.submission import submit_item, submit_tabm, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.tabm.cbor import decode_cbor
from seriatim.formats.wire.schedule import encode_assignment
from seriatim.store.folder import DataFolder
from seriatim.store.lock import FolderLock
from tests.support.builders import message, message_item, messages, spawn, spawn_item, unsigned
from tests.support.hyperbeam import http_spawn, http_submission, rsa_wallet
from tests.support.records import make_id
from tests.support.running_node import WALLET, check_log, outcome, post, running

HOME = encode_id(WALLET.address)


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_many_clients_get_every_slot_once_and_each_in_its_own_order(
    tmp_path: Path, in_children: bool
) -> None:
    clients, count = 8, 25

    async def client(node: Node, process: bytes, number: int) -> list[int]:
        return [(await post(node, each)).slot for each in messages(process, count, f"{number}/")]

    async def main() -> None:
        async with running(tmp_path / "data", in_children=in_children) as node:
            process = (await post(node, spawn(Variant.LEGACY))).process
            slots = await asyncio.gather(
                *(client(node, process, number) for number in range(clients))
            )
            assert all(each == sorted(each) for each in slots), "in the order of the client"
            assert sorted(chain.from_iterable(slots)) == list(range(1, clients * count + 1))
            assert check_log(node, process) == clients * count + 1

    asyncio.run(main())


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_thousand_first_messages_after_a_restart_meet_one_server(
    tmp_path: Path, in_children: bool
) -> None:
    async def main() -> None:
        first = spawn(Variant.NATIVE)
        async with running(tmp_path / "data") as node:
            await post(node, first)
        policy = Policy(accept_unsigned=True)
        async with running(tmp_path / "data", in_children=in_children, policy=policy) as node:
            assert node.live == []
            before = node._scheduler._dispatcher._started
            receipts = await asyncio.gather(
                *(
                    node.place(unsigned(first.process, str(number)), variant_default=Variant.NATIVE)
                    for number in range(1_000)
                )
            )
            assert node._scheduler._dispatcher._started == before + 1
            assert node.live == [first.process]
            assert sorted(receipt.slot for receipt in receipts) == list(range(1, 1_001))

    asyncio.run(main())


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_bad_signature_is_refused_and_nothing_is_stored(
    tmp_path: Path, in_children: bool
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=in_children) as node:
            process = (await post(node, spawn(Variant.LEGACY))).process
            raw = bytearray(message_item(process, "genuine").raw)
            raw[-1] ^= 1
            with pytest.raises(BadSignatureError):
                await post(node, submit_item(DataItem.decode(bytes(raw))))
            assert check_log(node, process) == 1
            assert (await post(node, message(process, "genuine"))).slot == 1

    asyncio.run(main())


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_http_signed_messages_are_verified_placed_and_signed_in_their_own_form(
    tmp_path: Path, *, in_children: bool
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=in_children, wallet=rsa_wallet()) as node:
            process = (await post(node, http_spawn())).process
            genuine = http_submission(process, b"genuine")
            forged = submit_tabm(canonical({**decode_cbor(genuine.message), "data": b"changed"}))
            with pytest.raises(BadSignatureError):
                await post(node, forged)
            first = await post(node, genuine)
            again = await post(node, genuine)
            assert (first.slot, first.assignment) == (1, again.assignment)
            assert (await post(node, message(process, "a data item"))).slot == 2
            assert check_log(node, process) == 3

    asyncio.run(main())


@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_no_other_wallet_goes_on_with_a_log_that_is_signed(
    tmp_path: Path, variant: Variant
) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as node:
            process = (await post(node, spawn(variant))).process
        for wallet in (rsa_wallet(), None):
            async with running(tmp_path / "data", wallet=wallet) as node:
                error = await outcome(post(node, message(process, "x")))
                assert isinstance(error, RefusedError)
                assert error.code == "another_wallet"
                assert encode_id(WALLET.address) in str(error)
                assert check_log(node, process) == 1
        async with running(tmp_path / "data") as node:
            assert (await post(node, message(process, "x"))).slot == 1

    asyncio.run(main())


def refusal(
    path: Path,
    act: Callable[[Node], Awaitable[object]],
    *,
    wallet: Wallet | None = WALLET,
    policy: Policy = Policy(),  # noqa: B008  # immutable
) -> SchedulerError:
    """Return the error with which a new node refuses to *act*; it stores nothing."""

    async def main() -> SchedulerError:
        async with running(path, wallet=wallet, policy=policy) as node:
            error = await outcome(act(node))
            assert isinstance(error, SchedulerError), repr(error)
            assert node.processes(limit=1) == []
            return error

    return asyncio.run(main())


UNSIGNED = submit_unsigned(Message({"type": "Process"}))


def test_a_message_without_a_signature_is_refused_unless_the_node_takes_them(
    tmp_path: Path,
) -> None:
    error = refusal(
        tmp_path / "a",
        lambda node: node.place(UNSIGNED, variant_default=Variant.NATIVE),
    )
    assert isinstance(error, UnsignedError)

    async def main() -> None:
        async with running(tmp_path / "b", policy=Policy(accept_unsigned=True)) as node:
            receipt = await node.place(UNSIGNED, variant_default=Variant.LEGACY)
            assert receipt.variant is Variant.LEGACY
            again = await node.place(unsigned(receipt.process, "x"), variant_default=Variant.NATIVE)
            assert (again.slot, again.variant) == (1, Variant.LEGACY)
            reference = await node.schedule_reference(
                receipt.process, make_id("elsewhere"), excludes=("Data",)
            )
            assert reference.slot == 2
            assert check_log(node, receipt.process) == 3

    asyncio.run(main())


def test_a_process_that_is_not_known_costs_no_verification(tmp_path: Path) -> None:
    raw = bytearray(message_item(make_id("nobody"), "x").raw)
    raw[10] ^= 1
    forged = submit_item(DataItem.decode(bytes(raw)))
    error = refusal(tmp_path, lambda node: post(node, forged))
    assert isinstance(error, NotFoundError)


@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_a_node_without_a_wallet_refuses_what_it_would_have_to_sign(
    tmp_path: Path, variant: Variant
) -> None:
    for number, submission in enumerate([spawn(variant), spawn(None)]):
        error = refusal(
            tmp_path / str(number),
            lambda node, each=submission: node.place(  # type: ignore[misc]  # bound early
                each, variant_default=variant
            ),
            wallet=None,
        )
        assert isinstance(error, RefusedError)
        assert error.code == "no_wallet"


def test_a_spawn_for_another_scheduler_is_refused_with_both_names(tmp_path: Path) -> None:
    other = encode_id(make_id("another node"))
    item = spawn_item(Variant.NATIVE, tags={"Scheduler": other})
    error = refusal(tmp_path / "a", lambda node: post(node, submit_item(item)))
    assert isinstance(error, ForeignSchedulerError)
    assert other in str(error)
    assert HOME in str(error)
    nobody = refusal(tmp_path / "b", lambda node: post(node, submit_item(item)), wallet=None)
    assert isinstance(nobody, ForeignSchedulerError)


def test_a_spawn_for_this_scheduler_or_for_any_is_taken(tmp_path: Path) -> None:
    other = encode_id(make_id("another node"))
    ours = spawn_item(Variant.NATIVE, tags={"Scheduler": f"{other}, {HOME}"})
    foreign = spawn_item(Variant.NATIVE, tags={"Scheduler": other})

    async def main() -> None:
        async with running(tmp_path / "a") as node:
            assert (await post(node, submit_item(ours))).slot == 0
        async with running(tmp_path / "b", policy=Policy(any_scheduler=True)) as node:
            assert (await post(node, submit_item(foreign))).slot == 0

    asyncio.run(main())


def test_what_is_durable_can_be_looked_at(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as node:
            node.block = Block(3, make_id("block"), 4)
            assert node.block.height == 3
            first = await post(node, spawn(Variant.LEGACY))
            process = first.process
            rest = [await post(node, each) for each in messages(process, 9)]
            head = node.head(process)
            assert head is not None
            assert head.slot == 9
            assert node.head(make_id("nobody")) is None
            assert node.processes(limit=5) == [process]
            assert node.processes(after=process, limit=5) == []
            assert node.stored(process, 4).record.message_id == rest[3].message_id
            with pytest.raises(NotFoundError):
                node.stored(process, 10)
            assert [place.slot for place in node.find(rest[6].message_id)] == [7]
            assert [place.slot for place in node.find(rest[6].assignment_id)] == [7]
            assert [stored.slot for stored in node.schedule(process, 8, 20)] == [8, 9]
            views = b"\n".join(node.views(process, 2, 5, separator=b"\n")).split(b"\n")
            assert len(views) == 4
            assert node.address == WALLET.address
            assert node.wallet is WALLET
            assert node.now_ms() > first.timestamp_ms
            assert node.waiting == {"commit": 0, "verify": 0}
            assert b"000000000003" in first.assignment

    asyncio.run(main())


def test_slots_are_found_by_time_as_by_counting(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as node:
            process = (await post(node, spawn(Variant.NATIVE))).process
            await asyncio.gather(*(post(node, each) for each in messages(process, 30)))
            stamps = [each.record.timestamp_ms for each in node.schedule(process, 0, 100)]
            for time_ms in range(stamps[0] - 2, stamps[-1] + 3):
                expected = sum(stamp <= time_ms for stamp in stamps)
                assert node.slots_until(process, time_ms) == expected
            assert node.slots_until(make_id("nobody"), 1 << 50) == 0

    asyncio.run(main())


def test_rendered_pages_are_the_same_from_memory_and_over_any_cut(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as node:
            process = (await post(node, spawn(Variant.NATIVE))).process
            await asyncio.gather(*(post(node, each) for each in messages(process, 199)))
            whole = [encode_assignment(each) for each in node.schedule(process, 0, 199)]
            for first, last in [(0, 199), (0, 199), (5, 63), (63, 64), (64, 127), (1, 500)]:
                chunks = node.rendered(process, first, last, shape="json", encode=encode_assignment)
                assert b",".join(chunks) == b",".join(whole[first : last + 1])
            assert not list(
                node.rendered(process, 200, 400, shape="json", encode=encode_assignment)
            )

    asyncio.run(main())


def test_rendered_pages_of_large_messages_come_in_bounded_chunks(tmp_path: Path) -> None:
    large = bytes(PAGE_BLOCK_BYTES // 3)

    async def main() -> None:
        async with running(tmp_path / "data") as node:
            process = (await post(node, spawn(Variant.NATIVE))).process
            await asyncio.gather(*(post(node, each) for each in messages(process, 99)))
            for first, last in [(0, 99), (3, 60), (63, 64)]:
                chunks = list(
                    node.rendered(process, first, last, shape="large", encode=lambda _: large)
                )
                assert max(map(len, chunks)) <= PAGE_BLOCK_BYTES + len(chunks)
                assert b",".join(chunks) == b",".join([large] * (last - first + 1))

    asyncio.run(main())


def test_a_node_without_a_wallet_has_no_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", wallet=None) as node:
            with pytest.raises(RefusedError):
                _ = node.address

    asyncio.run(main())


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_folder_has_one_node_at_a_time(tmp_path: Path, in_children: bool) -> None:
    async def main() -> None:
        async with running(tmp_path / "data", in_children=in_children):
            with pytest.raises(StoreLockedError) as caught:
                async with running(tmp_path / "data"):
                    pass
            assert caught.value.pid == os.getpid()
        async with running(tmp_path / "data", in_children=in_children):
            pass

    asyncio.run(main())


def test_a_node_waits_for_the_last_child_of_a_killed_one_to_let_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    lock = FolderLock.acquire(DataFolder(tmp_path).lock, pid=killed.pid, started_ms=0)

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.05, lock.release)
        async with running(tmp_path) as node:
            assert node.processes(limit=1) == []

    asyncio.run(main())


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_start_that_fails_gives_everything_back(tmp_path: Path, in_children: bool) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "log").write_bytes(b"no folder")

    async def main() -> None:
        with pytest.raises((StoreError, ChildFailedError)):
            async with running(path, in_children=in_children):
                pass
        (path / "log").unlink()
        async with running(path, in_children=in_children) as node:
            assert node.processes(limit=1) == []

    asyncio.run(main())
