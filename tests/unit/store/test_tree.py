"""Every `Tree` keeps its contract; what is particular to one stands below."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from seriatim.formats.errors import MalformedError, RefusedError, StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.record import decode_record
from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Log
from seriatim.store.memory_log import MemoryLog
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.mounted_tree import ASSIGNMENTS_GROUP, AssignmentsMount, MountedTree
from seriatim.store.tree.tree import ROOT, NodeKind, Tree, format_path, parse_path
from tests.conformance.contracts.tree import BAD_SEGMENTS, TreeContract
from tests.support.records import make_appends, make_id, make_record

P = make_id("process p")
Q = make_id("process q")
P_TEXT = encode_id(P)
Q_TEXT = encode_id(Q)


class TestMemoryTree(TreeContract):
    """The contract, in memory."""

    def open(self, folder: Path) -> tuple[Tree, Callable[[], None]]:  # no folder
        """Return an empty tree."""
        return MemoryTree(), lambda: None


class TestLmdbTree(TreeContract):
    """The contract, on disk."""

    def open(self, folder: Path) -> tuple[Tree, Callable[[], None]]:
        """Return an empty tree."""
        environment = Environment.open_writer(folder)
        return LmdbTree(environment), environment.close


class TestMountedTree(TreeContract):
    """The contract holds for what is not mounted."""

    def open(self, folder: Path) -> tuple[Tree, Callable[[], None]]:  # no folder
        """Return an empty tree."""
        return MountedTree(MemoryTree(), {}), lambda: None


@pytest.fixture
def log() -> Log:
    """Return a log with three slots of P and one of Q."""
    log = MemoryLog()
    log.append([*make_appends(P, range(3)), *make_appends(Q, range(1))])
    return log


@pytest.fixture
def tree(log: Log) -> Tree:
    """Return a tree with the log mounted in it."""
    return MountedTree(MemoryTree(), {ASSIGNMENTS_GROUP: AssignmentsMount(log)})


def _at(*rest: str) -> tuple[str, ...]:
    return (ASSIGNMENTS_GROUP, *rest)


def test_an_assignment_is_read_from_the_log(tree: Tree) -> None:
    stored = tree.get(_at(P_TEXT, "2"))
    assert stored is not None
    assert decode_record(stored, process=P, slot=2) == make_record(P, 2)
    assert tree.kind(_at(P_TEXT, "2")) is NodeKind.VALUE
    assert tree.kind(_at(P_TEXT)) is tree.kind(_at()) is NodeKind.GROUP


@pytest.mark.parametrize(
    "rest",
    [
        (P_TEXT, "3"),
        (P_TEXT, "02"),
        (P_TEXT, "-1"),
        (P_TEXT, "+1"),
        (P_TEXT, "9" * 19),
        (P_TEXT, "9" * 128),
        (P_TEXT, "two"),
        (P_TEXT, "2", "more"),
        (encode_id(make_id("unknown")),),
        (encode_id(make_id("unknown")), "0"),
        ("not-an-id",),
        ("not-an-id", "0"),
    ],
    ids="/".join,
)
def test_any_other_spelling_leads_nowhere(tree: Tree, rest: tuple[str, ...]) -> None:
    assert tree.get(_at(*rest)) is None
    assert tree.kind(_at(*rest)) is None
    assert tree.list(_at(*rest)) == []


def test_mounted_names_come_in_the_logs_order_page_by_page(log: Log, tree: Tree) -> None:
    log.append(make_appends(P, range(3, 12)))
    slots = [str(slot) for slot in range(12)]
    assert tree.list(_at(P_TEXT)) == slots
    assert tree.list(_at(P_TEXT), limit=5) == slots[:5]
    assert tree.list(_at(P_TEXT), after="4", limit=5) == slots[5:10]
    assert tree.list(_at(P_TEXT), after="9") == slots[10:]
    assert tree.list(_at(P_TEXT), after="11") == []
    assert tree.list(_at(P_TEXT), after="nine") == []
    processes = [encode_id(process) for process in sorted((P, Q))]
    assert tree.list(_at()) == processes
    assert tree.list(_at(), limit=1) == processes[:1]
    assert tree.list(_at(), after=processes[0]) == processes[1:]
    assert tree.list(_at(), after="nine") == []


def test_a_link_leads_into_a_mount(tree: Tree) -> None:
    tree.link(("latest", "p"), _at(P_TEXT, "2"))
    tree.link(("all",), _at(P_TEXT))
    assert tree.get(("latest", "p")) == make_record(P, 2).encode()
    assert tree.get(("all", "1")) == make_record(P, 1).encode()
    assert tree.list(("all",)) == ["0", "1", "2"]


def test_a_mount_is_read_only(tree: Tree) -> None:
    for path in (_at(), _at(P_TEXT), _at(P_TEXT, "3")):
        for change in (partial(tree.put, path, b""), partial(tree.remove, path)):
            with pytest.raises(RefusedError) as refusal:
                change()
            assert refusal.value.code == "read_only"
        with pytest.raises(RefusedError):
            tree.link(path, ("elsewhere",))


def test_mounts_are_listed_in_the_root_in_order(tree: Tree, log: Log) -> None:
    assert tree.list(ROOT) == [ASSIGNMENTS_GROUP]
    for name in ("a", "z"):
        tree.put((name,), b"")
    assert tree.list(ROOT) == ["a", ASSIGNMENTS_GROUP, "z"]
    assert tree.list(ROOT, limit=2) == ["a", ASSIGNMENTS_GROUP]
    assert tree.list(ROOT, after="a", limit=1) == [ASSIGNMENTS_GROUP]
    assert tree.list(ROOT, after=ASSIGNMENTS_GROUP) == ["z"]
    below = MemoryTree()
    below.put(_at("hidden"), b"")
    hiding = MountedTree(below, {ASSIGNMENTS_GROUP: AssignmentsMount(log)})
    assert hiding.list(ROOT) == [ASSIGNMENTS_GROUP]
    assert hiding.get(_at("hidden")) is None


def test_a_tree_and_a_log_share_one_environment_and_are_there_after_reopening(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "log"
    environment = Environment.open_writer(folder)
    log = LmdbLog(environment)
    log.append(make_appends(P, range(2)))
    LmdbTree(environment).link(("latest",), _at(P_TEXT, "1"))
    log.close()
    environment = Environment.open_reader(folder)
    mount = AssignmentsMount(LmdbLog(environment))
    tree = MountedTree(LmdbTree(environment), {ASSIGNMENTS_GROUP: mount})
    assert tree.get(("latest",)) == make_record(P, 1).encode()
    environment.close()
    with pytest.raises(StoreError, match="closed"):
        tree.get(("latest",))


@pytest.mark.parametrize("stored", [b"", b"\0", b"\x09content"])
def test_a_damaged_node_is_reported_with_its_path(tmp_path: Path, stored: bytes) -> None:
    environment = Environment.open_writer(tmp_path / "log")
    tree = LmdbTree(environment)
    tree.put(("a", "b"), b"value")
    with environment.writing() as transaction:
        transaction.put(b"\x02a/b", stored, db=environment.database(b"tree"))
    with pytest.raises(StoreError, match="/a/b is damaged"):
        tree.get(("a", "b"))
    environment.close()


@pytest.mark.parametrize("text", ["", "/", "a", "/a", "a/b.c/~d", "/a/@b/c=+-_"])
def test_a_path_is_parsed_and_spelled(text: str) -> None:
    assert format_path(parse_path(text)) == "/" + text.removeprefix("/")


@pytest.mark.parametrize(
    "text",
    ["//", "a//b", "a/", "//a", "./a", "a/..", *(f"a/{s}" for s in BAD_SEGMENTS if "/" not in s)],
    ids=ascii,
)
def test_a_bad_path_is_refused(text: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        parse_path(text)
    assert refusal.value.code == "bad_path"


def test_a_snapshot_shows_one_moment_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    environment = Environment.open_writer(tmp_path / "log")
    tree = LmdbTree(environment)
    tree.put(("a", "b"), b"1")
    with tree.snapshot() as snapshot:
        before = snapshot.get_all([("a", "b"), ("a", "c")])
        tree.change([(("a", "b"), b"2"), (("a", "c"), b"3")])
        assert snapshot.get_all([("a", "b"), ("a", "c")]) == before == [b"1", None]
        assert snapshot.get(("a", "b")) == b"1"
        assert snapshot.list(("a",)) == ["b"]
        assert snapshot.values(("a",)) == [("b", b"1")]
        assert snapshot.node(("a", "c")) is None
        assert tree.get(("a", "b")) == b"2"
    environment.close()
    memory = MemoryTree()
    with memory.snapshot() as snapshot:
        assert snapshot is memory
