"""A queue that is exported, and imported elsewhere: the same log, the same rows, and it goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

import seriatim
from seriatim.actors import importing
from seriatim.actors.alone import open_alone
from seriatim.actors.follow.marks import FollowMarks
from seriatim.actors.importing import Imported, import_queue
from seriatim.actors.offline import named_process, open_offline
from seriatim.actors.proof import encode_log, open_export, open_folder_log, write_export
from seriatim.formats.errors import (
    ChainBrokenError,
    LimitExceededError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    StoreLockedError,
)
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.jobs.fold import DEVICE
from seriatim.formats.jobs.rows import name_path
from seriatim.formats.message import Message, Value
from seriatim.formats.schedule.chain import next_chain
from seriatim.formats.schedule.export import ExportHeader, encode_header, encode_slot
from seriatim.formats.schedule.record import NO_ID, Record
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.sample_app import add, app, fail, later

pytestmark = pytest.mark.asyncio
DAY_MS = 86_400_000


def export(folder: Path, queue: str = "default") -> bytes:
    with open_folder_log(folder, named_process(folder, queue)) as log:
        return b"".join(encode_log(log))


async def take(folder: Path, file: Path) -> Imported:
    with open_export(file) as log:
        return await import_queue(folder, log, now_ms=1)


def read(file: Path) -> bytes:
    return file.read_bytes()


def write(file: Path, *lines: bytes) -> None:
    file.write_bytes(b"".join(lines))


async def work(folder: Path) -> None:
    """Have something of each kind happen in the queue ``default``."""
    async with app.open(folder) as running:
        for number in range(5):
            await add.options(unique=str(number)).submit(number)
        await fail.options(retries=0).submit("key")
        await running.drain()
        parent = await later.options(delay=DAY_MS).submit("tomorrow")
        await add.options(after=[parent]).submit(1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    asyncio.run(work(tmp_path / "source"))
    return tmp_path / "source"


@pytest.fixture
def file(source: Path, tmp_path: Path) -> Path:
    with open_folder_log(source, named_process(source, "default")) as log:
        write_export(log, tmp_path / "queue.jsonl")
    return tmp_path / "queue.jsonl"


async def test_an_import_is_exported_byte_for_byte(
    source: Path, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "taken"
    taken = await take(folder, file)
    assert taken.queue == "default"
    assert export(folder) == read(file) == export(source)
    with open_offline(source) as before, open_offline(folder) as after:
        assert after.head(taken.process) == before.head(taken.process)
        verified = after.verify_queue("default")
        assert verified == before.verify_queue("default")
        assert verified.differs == ()
        assert (taken.slots, taken.rows) == (verified.slots, verified.rows)


async def test_a_node_with_another_wallet_goes_on_with_it(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    slots = (await take(folder, file)).slots
    async with app.open(folder) as running:
        assert await (await add.options(unique="new").submit(1, 2)).result(timeout=30) == 3
        states = running.queues.reader.now("default").states
        assert states == {"scheduled": 1, "blocked": 1, "done": 6, "failed": 1}
    with open_offline(folder) as after:
        verified = after.verify_queue("default")
        assert verified.differs == ()
        assert verified.slots > slots


async def test_nobody_but_the_node_places_anything_in_it(file: Path, tmp_path: Path) -> None:
    """What makes it sound to go on with it: its log is no stranger's to write to."""
    taken = await take(tmp_path / "taken", file)
    async with seriatim.open(tmp_path / "taken") as node:
        with pytest.raises(RefusedError) as refused:
            await node.schedule(encode_id(taken.process), {"data": "[]"})
    assert refused.value.code == "reserved_process"


async def test_the_same_again_and_another_queue_of_that_name_are_refused(
    file: Path, tmp_path: Path
) -> None:
    await take(tmp_path / "taken", file)
    await work(tmp_path / "other")
    before = export(tmp_path / "taken"), export(tmp_path / "other")
    for folder in (tmp_path / "taken", tmp_path / "other"):
        with pytest.raises(RefusedError) as refused:
            await take(folder, file)
        assert refused.value.code == "queue_exists"
    assert (export(tmp_path / "taken"), export(tmp_path / "other")) == before


async def test_a_copy_that_has_begun_is_not_written_into(file: Path, tmp_path: Path) -> None:
    with open_export(file) as log:
        process = log.header.process
    async with open_alone(tmp_path / "taken", now_ms=1) as environment:
        FollowMarks(LmdbTree(environment)).put(process, "http://127.0.0.1:1")
    with pytest.raises(RefusedError, match="is in this folder already"):
        await take(tmp_path / "taken", file)


async def test_no_folder_that_a_node_runs_on_is_written_to(file: Path, tmp_path: Path) -> None:
    async with seriatim.open(tmp_path / "taken"):
        with pytest.raises(StoreLockedError):
            await take(tmp_path / "taken", file)


async def test_there_are_no_more_queues_than_there_may_be(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "QUEUES_MAX", 0)
    with pytest.raises(LimitExceededError):
        await take(tmp_path / "taken", file)
    assert is_empty(tmp_path / "taken")


async def test_a_log_that_was_changed_leaves_nothing_of_itself(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each slot but the last is written before the fault is found."""
    monkeypatch.setattr(importing, "COPY_JOB_MAX_BYTES", 1)
    lines = read(file).splitlines(keepends=True)
    changed = orjson.loads(lines[-1])
    changed["timestamp"] = 0
    for bad in (lines[:-1], [*lines[:-1], orjson.dumps(changed)], [*lines[:2], *lines[3:]]):
        write(file, *bad)
        with pytest.raises(ChainBrokenError):
            await take(tmp_path / "taken", file)
        assert is_empty(tmp_path / "taken")


async def test_an_export_that_was_cut_is_noticed_wherever_that_was(
    file: Path, tmp_path: Path
) -> None:
    """Between two lines, too: the first one says how many there are."""
    whole = read(file)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for end in (0, 1, *ends[:-1], *(end - 2 for end in ends)):
        write(file, whole[:end])
        with pytest.raises((ChainBrokenError, MalformedError)):
            await take(tmp_path / "taken", file)
        assert not (tmp_path / "taken").exists() or is_empty(tmp_path / "taken")


SUBMITTED = '[{"event": "submitted", "id": "JOB", "type": "t", "spec": {}}]'
QUEUE: dict[str, Value] = {"type": "Process", "execution-device": DEVICE, "queue": "q", "at": 1}


@pytest.mark.parametrize(
    ("spawn", "said", "code"),
    [
        ({"execution-device": "x@1.0"}, [], "not_a_queue"),
        ({"queue": "../q"}, [], "bad_name"),
        ({"queue": 7}, [], "bad_name"),
        ({"at": "now"}, [], "bad_slot"),
        ({}, [{"data": "[]"}], "bad_slot"),
        ({}, [{"at": 2, "data": "{"}], "bad_slot"),
        ({}, [{"at": 2, "data": "7"}], "bad_slot"),
        ({}, [{"at": 2, "data": "[7]"}], "bad_slot"),
        ({}, [{"at": 2, "data": '[{"event": "dreamt"}]'}], "bad_slot"),
        ({}, [{"at": 2, "data": '[{"event": "cancelled", "id": "x"}]'}], "bad_slot"),
        ({}, [{"at": 2, "data": SUBMITTED.replace("JOB", "../../x")}], None),
    ],
)
async def test_what_no_node_has_written_is_refused(
    tmp_path: Path, spawn: dict[str, Any], said: list[dict[str, Value]], code: str | None
) -> None:
    file = tmp_path / "made-up.jsonl"
    write(file, made_up({**QUEUE, **spawn}, *said))
    with pytest.raises(SchedulerError) as refused:
        await take(tmp_path / "taken", file)
    assert code is None or refused.value.code == code
    assert is_empty(tmp_path / "taken")


async def test_what_a_node_could_have_written_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "made-up.jsonl"
    write(file, made_up(QUEUE, {"at": 2, "data": SUBMITTED}))
    assert (await take(tmp_path / "taken", file)).queue == "q"


async def test_another_process_is_no_queue(tmp_path: Path) -> None:
    async with seriatim.open(tmp_path / "source") as node:
        process = await node.spawn()
    file = tmp_path / "log.jsonl"
    with open_folder_log(tmp_path / "source", decode_id(process)) as log:
        write_export(log, file)
    with pytest.raises(RefusedError, match="seriatim backup"):
        await take(tmp_path / "taken", file)


async def test_a_queue_that_is_not_there_is_not_found(source: Path) -> None:
    with pytest.raises(NotFoundError, match="no queue 'none'"):
        named_process(source, "none")


async def test_a_queue_is_found_by_a_name_as_long_as_an_id(tmp_path: Path) -> None:
    """It need not be one: there are names that no id has."""
    async with seriatim.open(tmp_path / "source") as node:
        process = await node.spawn()
    async with open_alone(tmp_path / "source", now_ms=1) as environment:
        tree = LmdbTree(environment)
        tree.change([(name_path(name), bytes([7]) * 32) for name in ("mail", "x.y" + 40 * "z")])
    assert named_process(tmp_path / "source", "x.y" + 40 * "z") == bytes([7]) * 32
    assert named_process(tmp_path / "source", process) == decode_id(process)
    for neither in ("x.z" + 40 * "z", 43 * "z", "", "a/b"):
        with pytest.raises(NotFoundError, match=f"no queue '{neither}'"):
            named_process(tmp_path / "source", neither)


def is_empty(folder: Path) -> bool:
    with open_offline(folder) as offline:
        return not list(offline.processes()) and not offline.queues()


def made_up(*fields: dict[str, Value]) -> bytes:
    """Return the export of a log whose messages have these *fields*; its first is the spawn."""
    lines: list[bytes] = []
    chain, process = b"", None
    for slot, each in enumerate(fields):
        message = submit_unsigned(Message(each), process=process)
        process = message.process
        chain = next_chain(
            Variant.NATIVE,
            process=process,
            previous=chain,
            previous_assignment_id=NO_ID,
            message_id=message.message_id,
        )
        record = Record(
            Variant.NATIVE,
            message.kind,
            slot + 1,
            message.message_id,
            NO_ID,
            chain,
            message.message,
            b"",
        )
        lines.append(encode_slot(slot, record))
    assert process is not None
    return b"".join([encode_header(ExportHeader(process, Variant.NATIVE, len(lines))), *lines])
