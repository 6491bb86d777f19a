"""Processes that compute, over HTTP and embedded, in threads and in children."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.compute.folds import Folds
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.errors import RefusedError, StoppingError, UnsupportedError
from seriatim.formats.folds.failure import Failure
from seriatim.formats.folds.state import decode_state
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.copying_node import copying
from tests.support.http_node import HttpNode, serving
from tests.support.running_node import check_log, post, running
from tests.support.sample_folds import odd, tally
from tests.support.strategies import known_wallet
from tests.support.waiting import until_idle

SAMPLES = "tests.support.sample_folds"
TALLY = {"execution-device": "tally@1.0"}
ODD = {"execution-device": "odd@1.0"}


def with_tally(
    tmp_path: Path,
    use: Callable[[HttpNode, str], Awaitable[None]],
    *,
    folds: Folds | None = Folds(folds=(tally, odd)),  # noqa: B008  # immutable
) -> None:
    """Run *use* on a node that computes, and a process of it with three amounts: 1, x, 5."""

    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE), folds=folds) as http:
            spawned = await http.post("/schedule", spawn_item(Variant.HYPERBEAM, tags=TALLY).raw)
            process = spawned.headers["process"]
            for amount in ("1", "x", "5"):
                item = message_item(decode_id(process), "", tags={"Amount": amount})
                assert (await http.post(f"/{process}/schedule", item.raw)).status == 200
            await use(http, process)

    asyncio.run(main())


def test_a_process_says_what_it_has_computed(tmp_path: Path) -> None:
    async def use(http: HttpNode, process: str) -> None:
        now = await http.get(f"/{process}~process@1.0/now")
        assert now.json()["state"] == {"sum": 6}
        assert (now.json()["at-slot"], now.json()["results"]) == (3, {"output": "slot 3"})
        assert now.headers["cache-control"] == "no-store"
        for path, text in {
            "now/sum": "6",
            "now/at-slot": "3",
            "now/state/sum": "6",
            "compute/sum": "6",
            "compute&slot=1/sum": "1",
            "compute&slot+integer=1/sum": "1",
            "compute/results/output?slot=1": "slot 1",
            "compute/results/error/code?slot=2": "fold_raised",
        }.items():
            reply = await http.get(f"/{process}~process@1.0/{path}")
            assert (reply.status, reply.body.decode()) == (200, text)
        message = message_item(decode_id(process), "", tags={"Amount": "1"})
        by_id = await http.get(f"/{process}/compute?message={encode_id(message.id)}")
        assert (by_id.json()["at-slot"], by_id.json()["state"]) == (1, {"sum": 1})
        assert by_id.json()["state-hash"] != now.json()["state-hash"]
        plain = await http.get(f"/{process}/now", accept="multipart/form-data")
        assert plain.headers["at-slot"] == "3"

    with_tally(tmp_path, use)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("compute&slot=9", 404, "not_found"),
        ("compute&slot=-1", 404, "not_found"),
        ("compute&slot=x", 400, "bad_query"),
        ("compute&message=" + "A" * 43, 404, "not_found"),
        ("compute&message=A", 400, "bad_id"),
        ("now/nothing", 404, "not_found"),
        ("compute&slot=2/results/output", 404, "not_found"),
        ("dryrun", 501, "unsupported"),
    ],
)
def test_what_cannot_be_computed_is_said(tmp_path: Path, path: str, status: int, code: str) -> None:
    async def use(http: HttpNode, process: str) -> None:
        reply = await http.get(f"/{process}~process@1.0/{path}")
        assert (reply.status, reply.json()["code"]) == (status, code)

    with_tally(tmp_path, use)


def test_a_process_of_other_folds_or_none_is_not_computed(tmp_path: Path) -> None:
    async def use(http: HttpNode, process: str) -> None:
        del process
        for tags, reason in (
            ({}, "names no fold"),
            ({"Execution-Device": "WASI@1.0"}, "it knows multipass@1.0, odd@1.0, tally@1.0"),
        ):
            spawn = spawn_item(Variant.HYPERBEAM, reason, tags=tags)
            spawned = await http.post("/schedule", spawn.raw)
            reply = await http.get(f"/{spawned.headers['process']}/now")
            assert (reply.status, reply.json()["code"]) == (501, "unsupported")
            assert reason in reply.json()["detail"]
        bad = spawn_item(Variant.HYPERBEAM, tags={"Execution-Device": "stack@1.0"})
        spawned = await http.post("/schedule", bad.raw)
        reply = await http.get(f"/{spawned.headers['process']}/now")
        assert (reply.status, reply.json()["code"]) == (400, "bad_stack")

    with_tally(tmp_path, use)


def test_a_node_without_folds_only_schedules(tmp_path: Path) -> None:
    async def use(http: HttpNode, process: str) -> None:
        reply = await http.get(f"/{process}/now")
        assert (reply.status, "compute unit" in reply.json()["detail"]) == (501, True)

    with_tally(tmp_path, use, folds=Folds())


@pytest.mark.parametrize("in_children", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_folds_that_misbehave_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_children: bool
) -> None:
    monkeypatch.setattr("seriatim.actors.compute.runner.FOLD_DEADLINE_MS", 1_500)
    folds = (
        Folds(places=(f"{SAMPLES}:tally", f"{SAMPLES}:odd"))
        if in_children
        else Folds(folds=(tally, odd))
    )
    words = ["on", "hang", "object", "on", *(["die"] if in_children else [])]

    async def ask(node: Node, process: bytes, slot: int) -> Any:
        assert node.computing is not None
        computed = await node.computing.at(process, slot)
        return decode_state(computed.state), computed.result.code

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with running(tmp_path, in_children=in_children, folds=folds, policy=policy) as node:
            process, other = await spawn(node, ODD), await spawn(node, TALLY)
            for word in words:
                await send(node, process, word=word)
            await send(node, other, amount="7")
            computing = asyncio.create_task(ask(node, process, len(words)))
            assert await ask(node, other, 1) == ({"sum": 7}, ""), "others go on meanwhile"
            state, _ = await computing
            assert state == {"seen": [0, 1, 4]}
        async with running(tmp_path, in_children=in_children, folds=folds, policy=policy) as node:
            codes = [(await ask(node, process, slot))[1] for slot in range(len(words) + 1)]
            died = ["fold_died"] if in_children else []
            assert codes == ["", "", "fold_deadline", "bad_state", "", *died]
            head = node.head(process)
            assert head is not None
            assert head.slot == len(words) + 1 + len(died), "what never ends has got a slot, once"
            assert (await ask(node, process, head.slot))[0] == {"seen": [0, 1, 4]}
            assert check_log(node, process) == head.slot + 1

    asyncio.run(main())


@pytest.mark.parametrize("accept", ["application/json", "multipart/form-data"])
def test_bytes_and_lists_of_a_state_have_a_form_in_every_reply(tmp_path: Path, accept: str) -> None:
    @seriatim.fold("bytes@1.0", init={"a": b"\xff", "l": [b"\xff", [b"\xfe", {"b": b"\xfd"}]]})
    def keep(state: Any, step: seriatim.Step) -> Any:
        del step
        return state

    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(NODE), folds=Folds(folds=(keep,))) as http:
            spawn = spawn_item(Variant.HYPERBEAM, tags={"Execution-Device": "bytes@1.0"})
            process = (await http.post("/schedule", spawn.raw)).headers["process"]
            whole = await http.get(f"/{process}/now", accept=accept)
            assert whole.status in (200, 501), "or it is said that there is none"
            if accept == "application/json":
                said = {"a+base64url": "_w", "l": ["_w", ["_g", {"b+base64url": "_Q"}]]}
                assert whole.json()["state"] == said
            listed = await http.get(f"/{process}/now/l/1", accept="application/json")
            assert listed.body == b"_w"

    asyncio.run(main())


def test_a_copy_is_computed_by_who_gives_out_its_slots(tmp_path: Path) -> None:
    async def main() -> None:
        async with copying(tmp_path, Variant.HYPERBEAM, folds=Folds(folds=(tally,))) as parts:
            _, copy, proxy, process = parts
            reply = await copy.get(f"/{process}/now")
            assert (reply.status, "via" in reply.headers) == (501, True), "its source has no folds"
            assert f"/{process}/now" in proxy.asked

    asyncio.run(main())


def test_a_stop_waits_for_no_fold(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(
            tmp_path, folds=Folds(folds=(odd,)), policy=Policy(accept_unsigned=True)
        ) as node:
            process = await spawn(node, ODD)
            await send(node, process, word="hang")
            assert node.computing is not None
            asking = asyncio.create_task(node.computing.at(process))
            await until_idle()
            node.refuse_new_work()
            with pytest.raises(StoppingError):
                await asking
            head = node.head(process)
            assert head is not None
            assert head.slot == 1, "and nobody is to blame"

    asyncio.run(main())


async def spawn(node: Node, fields: dict[str, str]) -> bytes:
    receipt = await post(node, submit_unsigned(Message({"type": "Process", **fields})))
    return receipt.process


async def send(node: Node, process: bytes, **fields: str) -> None:
    await post(node, submit_unsigned(Message(fields), process=process))


def test_nobody_else_says_what_a_node_could_not_compute(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, policy=Policy(accept_unsigned=True)) as node:
            process = await spawn(node, ODD)
            with pytest.raises(RefusedError) as caught:
                fields = Failure(0, "odd@1.0", 1, "fold_deadline", "forged").fields
                await post(node, submit_unsigned(Message(fields), process=process))
            assert caught.value.code == "reserved_type"
            await send(node, process, word="Fold-Failure")

    asyncio.run(main())


@pytest.mark.parametrize("place", [f"{SAMPLES}:NOT_A_FOLD", f"{SAMPLES}:missing", "missing:x", "x"])
def test_a_fold_that_cannot_be_loaded_is_named_at_the_start(tmp_path: Path, place: str) -> None:
    async def main() -> None:
        async with running(tmp_path, folds=Folds(places=(place,))):
            pass

    with pytest.raises(UnsupportedError, match=place):
        asyncio.run(main())


def test_a_program_computes_with_folds_of_its_own(tmp_path: Path) -> None:
    with seriatim.open_blocking(tmp_path, folds=[tally]) as node:
        process = node.spawn(TALLY)
        receipts = [node.schedule(process, {"amount": amount}) for amount in (1, "x", 5)]
        now = node.compute(process)
        assert (now.slot, now.state, now.output, now.error) == (3, {"sum": 6}, "slot 3", "")
        failed = node.compute(process, receipts[1].slot)
        assert failed.state == {"sum": 1}
        assert failed.error.startswith("fold_raised: ValueError: invalid literal")
        before = now.state_hash
    with seriatim.open_blocking(tmp_path, folds=[tally]) as node:
        assert node.compute(process).state_hash == before
    with (
        seriatim.open_blocking(tmp_path) as node,
        pytest.raises(UnsupportedError, match="no folds"),
    ):
        node.compute(process)
