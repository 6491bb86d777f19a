"""The writer: seals of many processes in one batch, the same whoever signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.scheduler import writer as writer_module
from seriatim.actors.scheduler.handlers import make_writer
from seriatim.actors.scheduler.writer import Copied, Sealed, TreeValues, Writer
from seriatim.formats.errors import RefusedError, SchedulerError, SlotConflictError, StoreError
from seriatim.formats.schedule.assignment import Draft
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.memory_log import MemoryLog
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.builders import NODE, make_draft, messages, seal_log, spawn, unsigned
from tests.support.faulty_log import Fault, FaultyLog
from tests.support.strategies import known_wallet


def entropy(seed: int = 5) -> Callable[[int], bytes]:
    return Random(seed).randbytes


def log_of(variant: Variant, name: str, count: int) -> list[Draft]:
    first = spawn(variant, name)
    rest = messages(first.process, count - 1)
    return [make_draft(each, slot, variant) for slot, each in enumerate([first, *rest])]


LOGS = [log_of(variant, name, 5) for variant in Variant for name in ("a", "b")]


def interleave(random: Random) -> list[Draft]:
    """Return the drafts of all logs: each log in order, the logs mixed."""
    rest = [list(log) for log in LOGS]
    mixed = []
    while any(rest):
        mixed.append(random.choice([log for log in rest if log]).pop(0))
    return mixed


def write_all(
    drafts: list[Draft], cuts: list[int], *, signers: int
) -> tuple[MemoryLog, list[Sealed]]:
    log = MemoryLog()
    writer = Writer(log, known_wallet(NODE), entropy(), tree=MemoryTree(), signers=signers)
    seals: list[Sealed] = []
    try:
        for first, last in zip([0, *cuts], [*cuts, len(drafts)], strict=True):
            seals += writer.write(drafts[first:last])
    finally:
        writer.close()
    return log, seals


@given(
    seed=st.integers(0, 1_000),
    cuts=st.lists(st.integers(0, 30), max_size=4).map(sorted),
    signers=st.sampled_from([1, 3]),
)
def test_however_drafts_are_batched_and_signed_every_log_is_sound(
    seed: int, cuts: list[int], signers: int
) -> None:
    drafts = interleave(Random(seed))
    log, seals = write_all(drafts, cuts, signers=signers)
    for expected in LOGS:
        process = expected[0].process
        audit = Audit(process)
        for slot, record in log.read_range(process, 0, 100):
            audit.add(slot, record)
        assert audit.slots == len(expected)
    for each, sealed in zip(drafts, seals, strict=True):
        found = log.read(each.process, each.slot)
        assert found is not None
        assert sealed == (found.assignment_id, found.hash_chain, found.assignment)


def test_several_signers_seal_what_one_seals() -> None:
    """Where no randomness is involved, byte for byte."""
    drafts = [each for each in interleave(Random(1)) if each.variant is not Variant.LEGACY]
    assert write_all(drafts, [], signers=3)[1] == write_all(drafts, [], signers=1)[1]


@pytest.mark.parametrize("fault", Fault)
def test_after_a_failed_write_the_store_says_what_the_next_chains_to(fault: Fault) -> None:
    drafts = log_of(Variant.HYPERBEAM, "faulty", 4)
    memory = MemoryLog()
    log = FaultyLog(memory)
    writer = Writer(log, known_wallet(NODE), entropy(), tree=MemoryTree())
    writer.write(drafts[:2])
    log.fail_next(fault)
    with pytest.raises(StoreError):
        writer.write(drafts[2:3])
    if fault is Fault.BEFORE_WRITING:
        writer.write(drafts[2:3])
    writer.write(drafts[3:])
    audit = Audit(drafts[0].process)
    for slot, record in memory.read_range(drafts[0].process, 0, 10):
        audit.add(slot, record)
    assert audit.slots == 4


def test_a_draft_that_does_not_follow_is_refused_and_nothing_is_written() -> None:
    drafts = log_of(Variant.NATIVE, "gap", 3)
    log = MemoryLog()
    writer = Writer(log, None, entropy(), tree=MemoryTree())
    with pytest.raises(SlotConflictError):
        writer.write([drafts[0], drafts[2]])
    with pytest.raises(SlotConflictError):
        writer.write(drafts[1:])
    assert log.head(drafts[0].process) is None


def test_without_a_wallet_only_unsigned_variants_are_written() -> None:
    log = MemoryLog()
    writer = Writer(log, None, entropy(), tree=MemoryTree())
    with pytest.raises(RefusedError) as caught:
        writer.write([*log_of(Variant.NATIVE, "n", 1), *log_of(Variant.LEGACY, "l", 1)])
    assert caught.value.code == "no_wallet"
    assert log.processes(limit=10) == [], "the whole batch, or nothing"


def test_what_it_remembers_of_the_chains_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "CHAINS_CACHED_MAX", 3)
    log = MemoryLog()
    writer = Writer(log, None, entropy(), tree=MemoryTree())
    processes = [spawn(Variant.NATIVE, str(number)) for number in range(10)]
    for submission in processes:
        writer.write([make_draft(submission, 0, Variant.NATIVE)])
        assert len(writer._links) <= 3
    for submission in processes:
        writer.write([make_draft(unsigned(submission.process, "next"), 1, Variant.NATIVE)])
        audit = Audit(submission.process)
        for slot, record in log.read_range(submission.process, 0, 10):
            audit.add(slot, record)
        assert audit.slots == 2


@pytest.mark.parametrize(("kind", "is_pooled"), [("rsa", True), ("ed25519", False), (None, False)])
def test_only_slow_signatures_get_threads(
    tmp_path: Path, kind: str | None, is_pooled: bool
) -> None:
    wallet: Wallet | None = None
    if kind is not None:
        wallet = known_wallet(type(NODE)(kind))
    environment = Environment.open_writer(tmp_path)
    writer = make_writer(environment, wallet)
    writer.close()
    environment.close()
    assert (writer._pool is not None) == is_pooled


def test_a_batch_is_one_transaction_whatever_is_in_it(tmp_path: Path) -> None:
    environment = Environment.open_writer(tmp_path)
    log, tree = LmdbLog(environment), LmdbTree(environment)
    writer = make_writer(environment, None)
    first, second = log_of(Variant.NATIVE, "own", 2)
    copied = log_of(Variant.NATIVE, "copied", 3)
    process, records = copied[0].process, [record.encode() for record in seal_log(copied)]
    mark = (("followed", "copied"), b"mark")
    parts = [Copied(process, slot, mark, (raw,)) for slot, raw in enumerate(records)]
    good = TreeValues(((("a", "b"), b"1"), (("c",), b"2")))
    writer.write([first, good, *parts])
    assert (tree.get(("a", "b")), tree.get(("c",))) == (b"1", b"2")
    head = log.head(process)
    assert head is not None
    assert head.slot == 2, "each part has seen the one before"
    bad = TreeValues(((("c",), b"3"), (("a",), b"no group")))
    with pytest.raises(SchedulerError):
        writer.write([second, bad])
    assert tree.get(("c",)) == b"2"
    assert [record for _, record in log.read_range(first.process, 1, 9)] == []
    writer.write([second])
    writer.close()
    environment.close()


@pytest.mark.parametrize("variant", Variant)
def test_what_is_copied_continues_its_copy_or_is_left_alone(variant: Variant) -> None:
    """And fails nothing else of its batch: what strangers serve stops nobody's messages."""
    own, copied = log_of(Variant.NATIVE, "own", 3), log_of(variant, "copied", 4)
    process = copied[0].process
    raws = tuple(record.encode() for record in seal_log(copied))
    path = ("followed", "copied")
    mark = (path, b"mark")
    log, tree = MemoryLog(), MemoryTree()
    writer = Writer(log, known_wallet(NODE), entropy(), tree=tree)

    def write(first: int, *rest: Draft) -> bool:
        sealed = writer.write([Copied(process, first, mark, raws[first : first + 2]), *rest])
        assert all(each.hash_chain for each in sealed[1:])
        return bool(sealed[0].hash_chain)

    assert not write(2, own[0]), "a gap"
    assert tree.get(path) is None, "nothing is marked that has no slot"
    assert write(0, own[1])
    assert tree.get(path) == b"mark"
    assert not write(0, own[2]), "again"
    assert write(2)
    assert [record.encode() for _, record in log.read_range(process, 0, 9)] == list(raws)


def test_a_process_of_this_node_never_becomes_a_copy() -> None:
    drafts = log_of(Variant.NATIVE, "own", 3)
    log, tree = MemoryLog(), MemoryTree()
    writer = Writer(log, None, entropy(), tree=tree)
    writer.write(drafts[:2])
    third = seal_log(drafts)[2]
    mark = (("followed", "own"), b"mark")
    sealed = writer.write([Copied(drafts[0].process, 2, mark, (third.encode(),))])
    assert sealed == [Sealed(b"", b"", b"")]
    assert tree.get(mark[0]) is None
    head = log.head(drafts[0].process)
    assert head is not None
    assert head.slot == 1
