"""The embedding API, asynchronous and blocking, and the README's example."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvloop

import seriatim
from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import (
    BadSignatureError,
    MalformedError,
    NotFoundError,
    RefusedError,
    StoppingError,
    StoreError,
    StoreLockedError,
)
from seriatim.formats.ids import decode_id
from seriatim.formats.message import Value
from seriatim.formats.signing.scheme import WalletKind
from tests.support.strategies import known_wallet

ROOT = Path(__file__).parents[3]
WALLET = known_wallet(WalletKind.ED25519)


def test_messages_come_back_as_they_were(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path) as node:
            process = await node.spawn({"name": "orders"})
            fields: dict[str, Value] = {"text": "a", "number": 1, "truth": True}
            fields |= {"list": (1, "b"), "map": {"x": 2.5}}
            receipt = await node.schedule(process, fields, data=b"\xff\x00")
            assert receipt.slot == 1
            entries = list(node.read(process))
            assert [entry.slot for entry in entries] == [0, 1]
            assert entries[1].fields == {**fields, "data": b"\xff\x00"}
            assert entries[1].message_id == receipt.message_id
            assert node.slot(process) == 1
            assert list(node.processes()) == [process]

    asyncio.run(main())


def test_a_spawn_is_its_process(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path) as node:
            first = await node.spawn({"name": "orders"})
            await node.schedule(first, {"n": 1})
            assert await node.spawn({"name": "orders"}) == first
            assert node.slot(first) == 1, "spawning again took no slot"
            assert await node.spawn({"name": "others"}) != first

    asyncio.run(main())


def test_an_unsigned_message_always_takes_a_new_slot(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path) as node:
            process = await node.spawn()
            assert [(await node.schedule(process, {"n": 1})).slot for _ in range(3)] == [1, 2, 3]

    asyncio.run(main())


def test_a_signed_item_keeps_its_slot(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path) as node:
            process = await node.spawn()
            item = sign_item(WALLET, target=decode_id(process), tags=[Tag(b"A", b"b")], data=b"x")
            first = await node.schedule(process, item.raw)
            again = await node.schedule(process, item.raw)
            assert again == first._replace(repeated=True)
            assert next(iter(node.read(process, 1))).item == item.raw
            assert node.verify(process).signatures == 1
            with pytest.raises(BadSignatureError):
                await node.schedule(process, item.raw[:-1] + b"y")
            assert node.slot(process) == 1

    asyncio.run(main())


@pytest.mark.parametrize("variant", ["ao.TN.1", "ao.N.1"])
def test_signed_variants_are_signed_with_the_wallet(tmp_path: Path, variant: str) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path, wallet=WALLET) as node:
            process = await node.spawn({"name": "orders"}, variant=variant, data="return 1")
            await node.schedule(process, {"n": 1})
            report = node.verify(process)
            assert report.variant == variant
            assert report.scheduler == report.spawner
            assert report.signatures == 3, "the spawn and two assignments"

    asyncio.run(main())


def test_what_cannot_be_done_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path) as node:
            with pytest.raises(RefusedError, match="wallet"):
                await node.spawn(variant="ao.N.1")
            with pytest.raises(MalformedError, match="not known"):
                await node.spawn(variant="ao.X.1")
            unknown = "A" * 43
            with pytest.raises(NotFoundError):
                await node.schedule(unknown, {"n": 1})
            with pytest.raises(NotFoundError):
                list(node.read(unknown))
            with pytest.raises(NotFoundError):
                node.verify(unknown)
            assert node.slot(unknown) is None
            with pytest.raises(StoreLockedError, match="pid"):
                async with seriatim.open(tmp_path):
                    pass

    asyncio.run(main())


def test_data_that_has_no_place_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path, wallet=WALLET) as node:
            process = await node.spawn()
            item = sign_item(WALLET, target=decode_id(process), data=b"x")
            for message in (item.raw, {"data": "mine"}):
                with pytest.raises(MalformedError, match="data"):
                    await node.schedule(process, message, data="other")
            for variant in ("seriatim.1", "ao.N.1"):
                with pytest.raises(MalformedError, match="data"):
                    await node.spawn({"data": "mine"}, data="other", variant=variant)
            assert node.slot(process) == 0
            await node.schedule(process, item.raw, data=b"")
            await node.schedule(process, {"data": "mine"})
            assert [entry.fields["data"] for entry in node.read(process, 1)] == ["x", "mine"]

    asyncio.run(main())


def test_a_field_called_data_is_the_payload_of_a_signed_spawn(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path, wallet=WALLET) as node:
            process = await node.spawn({"data": "return 1"}, variant="ao.N.1")
            (entry,) = node.read(process)
            assert bytes(DataItem.decode(entry.item).data) == b"return 1"
            with pytest.raises(MalformedError, match="data"):
                await node.spawn({"data": 1}, variant="ao.N.1")

    asyncio.run(main())


def test_text_tags_only_in_a_signed_spawn(tmp_path: Path) -> None:
    async def main() -> None:
        async with seriatim.open(tmp_path, wallet=WALLET) as node:
            with pytest.raises(MalformedError, match="must be text"):
                await node.spawn({"number": 1}, variant="ao.N.1")

    asyncio.run(main())


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    with seriatim.open_blocking(tmp_path) as node:
        process = node.spawn({"name": "orders"})
        node.schedule(process, {"n": 1})
    with seriatim.open_blocking(tmp_path) as node:
        assert node.slot(process) == 1
        assert node.schedule(process, {"n": 2}).slot == 2
        assert node.verify(process).slots == 3


def test_blocking_calls_come_from_many_threads(tmp_path: Path) -> None:
    with seriatim.open_blocking(tmp_path) as node, ThreadPoolExecutor(8) as threads:
        process = node.spawn()
        receipts = list(threads.map(lambda n: node.schedule(process, {"n": n}), range(64)))
        assert sorted(receipt.slot for receipt in receipts) == list(range(1, 65))
        assert [entry.slot for entry in node.read(process, 10, 12)] == [10, 11, 12]
        assert list(node.processes()) == [process]


def test_a_closed_node_says_so(tmp_path: Path) -> None:
    with seriatim.open_blocking(tmp_path) as node:
        process = node.spawn()
    node.close()
    with pytest.raises(StoppingError, match="closed"):
        node.schedule(process, {"n": 1})
    with pytest.raises(StoreError, match="closed"):
        node.slot(process)


def test_a_call_after_the_loop_has_stopped_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = threading.Thread.join
    answers: list[object] = []

    def call() -> None:
        with pytest.raises(StoppingError) as refused:
            node.spawn()
        answers.append(refused.value)

    def join_and_call(thread: threading.Thread, timeout: float | None = None) -> None:
        join(thread, timeout)
        if thread.name == "seriatim":
            caller = threading.Thread(target=call, daemon=True)
            caller.start()
            join(caller, 10)

    monkeypatch.setattr(threading.Thread, "join", join_and_call)
    with seriatim.open_blocking(tmp_path) as node:
        pass
    assert len(answers) == 1


def test_a_call_that_is_still_open_at_the_end_is_answered(tmp_path: Path) -> None:
    running = threading.Event()

    async def never() -> None:
        running.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        with seriatim.open_blocking(tmp_path) as node:
            answer = threads.submit(node._run, never())
            assert running.wait(10)
        with pytest.raises(StoppingError, match="closed"):
            answer.result(10)


def test_a_fork_is_told_that_it_has_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seriatim.open_blocking(tmp_path) as node:
        process = node.spawn()
        with monkeypatch.context() as fork:
            fork.setattr(os, "getpid", lambda: -1)
            with pytest.raises(StoreError, match="fork"):
                node.schedule(process, {"n": 1})
        assert node.schedule(process, {"n": 1}).slot == 1


def test_a_folder_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with (
        seriatim.open_blocking(tmp_path),
        pytest.raises(StoreLockedError),
        seriatim.open_blocking(tmp_path),
    ):
        pass
    assert threading.active_count() == before


def test_an_error_in_the_block_closes_the_node_and_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), seriatim.open_blocking(tmp_path) as node:
        node.schedule(node.spawn(), {"n": 1 // 0})
    with seriatim.open_blocking(tmp_path) as node:
        assert list(node.processes()) == [node.spawn()]


def test_uvloop_is_a_loop_like_any_other(tmp_path: Path) -> None:
    async def main() -> list[int]:
        async with seriatim.open(tmp_path) as node:
            process = await node.spawn()
            receipts = await asyncio.gather(
                *(node.schedule(process, {"n": number}) for number in range(32))
            )
            assert node.verify(process).slots == 33
            return sorted(receipt.slot for receipt in receipts)

    assert uvloop.run(main()) == list(range(1, 33))


def test_no_os_process_is_started_for_an_embedded_node(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs Linux's list of children")
    before = children()
    with seriatim.open_blocking(tmp_path) as node:
        node.schedule(node.spawn(), {"n": 1})
        assert children() == before


def children() -> set[str]:
    """Return the ids of this OS process's children, whichever thread has started them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for file in lists for pid in file.read_text().split()}


def test_a_wallet_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    path.write_bytes(WALLET.to_json())
    path.chmod(0o600)
    names: list[str | Path] = [path, str(path)]
    for number, named in enumerate(names):
        with seriatim.open_blocking(tmp_path / str(number), wallet=named) as node:
            assert node.verify(node.spawn(variant="ao.N.1")).signatures == 2
    with (
        pytest.raises(StoreError, match="cannot be read"),
        seriatim.open_blocking(tmp_path / "data", wallet=str(tmp_path / "none")),
    ):
        pass


def test_the_public_names_are_these_and_all_load() -> None:
    assert sorted(seriatim.__all__) == [
        "App",
        "BlockingNode",
        "Computed",
        "EmbeddedNode",
        "Entry",
        "Fire",
        "Fold",
        "Handle",
        "JobContext",
        "JobError",
        "JobFunction",
        "MappedFile",
        "Occurrence",
        "Outcome",
        "Receipt",
        "Report",
        "SchedulerError",
        "Step",
        "Trigger",
        "Verdict",
        "Wallet",
        "WalletKind",
        "connect",
        "connect_blocking",
        "current_job",
        "fold",
        "generate",
        "open",
        "open_blocking",
        "wallet_from_json",
    ]
    assert all(getattr(seriatim, name) is not None for name in seriatim.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = seriatim.no_such_name


def first_block(page: str) -> str:
    """Return the first block of Python on *page*."""
    block = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert block is not None
    return block[1]


def run_example(name: str, folder: Path) -> str:
    """Run the example *name* on *folder*; return what it prints."""
    command = [sys.executable, str(ROOT / "docs/examples" / name), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_example_of_folds_runs(tmp_path: Path) -> None:
    block, whole = first_block("docs/folds.md"), (ROOT / "docs/examples/tally.py").read_text()
    for part in block.split("\n\n\n"):
        assert part.strip() in whole, "docs/folds.md and docs/examples/tally.py differ"
    exec(compile(block, "docs/folds.md", "exec"), {})  # our own page
    assert run_example("tally.py", tmp_path).startswith("slot 3: sum 321, state ")
    assert run_example("tally.py", tmp_path).startswith("slot 6: sum 642, state ")


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("README.md", "embed.py"),
        ("docs/triggers.md", "triggers.py"),
        ("docs/jobs.md", "jobs.py"),
    ],
)
def test_an_example_on_a_page_is_the_file_and_short(page: str, name: str) -> None:
    block = first_block(page)
    assert block == (ROOT / "docs/examples" / name).read_text(), f"{page} and {name} differ"
    assert len(block.splitlines()) <= 30


@pytest.mark.slow
def test_the_example_of_triggers_runs(tmp_path: Path) -> None:
    said = run_example("triggers.py", tmp_path)
    assert "called for 20" in said
    assert said.count("\nlive ") == 3


@pytest.mark.slow
def test_the_example_in_the_readme_runs(tmp_path: Path) -> None:
    for expected in ("slot 3", "slot 6"):
        assert expected in run_example("embed.py", tmp_path)
