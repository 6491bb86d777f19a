"""The follower's side of a folder: marks, whose a process is, and going on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from seriatim.actors.follow.folder import open_followed
from seriatim.actors.follow.follower import Follower
from seriatim.actors.follow.marks import FollowMark, FollowMarks, mark_of
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import RefusedError, StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PAGE_MAX
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.variant import Variant
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import TreePath
from tests.support.builders import every_kind, seal_log
from tests.support.records import make_append, make_id
from tests.support.sources import drafts_of, source_of


def test_a_folder_says_what_it_follows_and_keeps_what_is_its_own(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 3))

    async def main() -> None:
        for url in ("http://one.example", "http://two.example"):
            async with open_followed(tmp_path, source.process, url=url, now_ms=1) as copy:
                await Follower(
                    copy,
                    source,
                    clock=ManualClock(),
                    draw=lambda _: 0,
                    tell=lambda news: None,
                ).run(once=True)
                assert copy.slots == 3

    asyncio.run(main())

    log = LmdbLog(Environment.open_writer(DataFolder(tmp_path).log))
    log.append([make_append(make_id("own"), 0)])
    log.close()

    async def own() -> None:
        async with open_followed(tmp_path, make_id("own"), url="http://x.example", now_ms=1):
            raise AssertionError("it is the node's own")

    with pytest.raises(RefusedError) as caught:
        asyncio.run(own())
    assert caught.value.code == "own_process"


def test_marks_are_read_back_and_a_damaged_one_is_said() -> None:
    tree = MemoryTree()
    assert FollowMarks(tree).url_of(make_id("p")) is None
    FollowMarks(tree).put(make_id("p"), "http://node.example")
    marks = FollowMarks(tree)
    assert marks.url_of(make_id("p")) == "http://node.example"
    assert marks.url_of(make_id("q")) is None
    for damaged in (
        b"",
        b"7",
        b"{}",
        b'{"url":7}',
        b'{"url":"x","hinted":1}',
        b'{"url":"x","bytes":""}',
    ):
        tree.put(("followed", encode_id(make_id("p"))), damaged)
        with pytest.raises(StoreError, match="damaged"):
            marks.url_of(make_id("p"))


def test_hinted_copies_are_counted_and_no_others() -> None:
    tree = MemoryTree()
    marks = FollowMarks(tree)
    assert not marks.has_hinted(1)
    for number in range(3):
        marks.put(make_id(f"ours {number}"), "http://node.example")
    assert not marks.has_hinted(1)
    for number in range(1, 4):
        mark = FollowMark("http://hinted.example", is_hinted=True)
        marks.expect()
        tree.put(*mark_of(make_id(f"theirs {number}"), mark))
        assert marks.has_hinted(number)
        assert not marks.has_hinted(number + 1)
    marks.put(make_id("theirs 1"), "http://node.example")
    assert not marks.has_hinted(3)


def test_a_damaged_mark_refuses_no_hint() -> None:
    tree = MemoryTree()
    tree.put(("followed", encode_id(make_id("p"))), b"{")
    marks = FollowMarks(tree)
    assert (marks.has_hinted(1), marks.has_hinted(2)) == (True, False)


def test_hints_are_counted_again_only_when_it_may_matter() -> None:
    class CountingTree(MemoryTree):
        listed = 0

        def list(
            self, path: TreePath, *, after: str | None = None, limit: int = PAGE_MAX
        ) -> Sequence[str]:
            self.listed += 1
            return super().list(path, after=after, limit=limit)

    tree = CountingTree()
    marks = FollowMarks(tree)
    marks.has_hinted(100)
    listed = tree.listed
    for _ in range(99):
        marks.expect()
        assert not marks.has_hinted(100)
    assert tree.listed == listed
    marks.expect()
    assert not marks.has_hinted(100)
    assert tree.listed > listed


def test_a_mark_that_another_one_writes_is_seen_when_it_is_expected() -> None:
    tree = MemoryTree()
    marks = FollowMarks(tree)
    tree.put(*mark_of(make_id("p"), FollowMark("http://node.example", is_hinted=True)))
    marks.has_hinted(1)
    assert marks.find(make_id("p")) is None, "a question changes nothing"
    marks.expect()
    assert marks.find(make_id("p")) is not None


def test_the_operators_word_replaces_a_hint_that_has_named_the_same_node(tmp_path: Path) -> None:
    process, url = make_id("p"), "http://node.example"
    folder = DataFolder(tmp_path)
    folder.create()
    environment = Environment.open_writer(folder.log)
    LmdbTree(environment).put(*mark_of(process, FollowMark(url, is_hinted=True, taken_bytes=7)))
    environment.close()

    async def follow() -> None:
        async with open_followed(tmp_path, process, url=url, now_ms=1):
            pass

    asyncio.run(follow())
    environment = Environment.open_writer(folder.log)
    assert FollowMarks(LmdbTree(environment)).find(process) == FollowMark(url, is_hinted=False)
    environment.close()


def test_an_audit_goes_on_where_it_was() -> None:
    for variant in Variant:
        drafts = every_kind(variant)
        records = seal_log(drafts)
        for slot in range(len(records) - 1):
            audit = Audit.resume(drafts[0].process, slot, records[slot])
            for later in range(slot + 1, len(records)):
                audit.add(later, records[later])
            assert audit.slots == len(records)
