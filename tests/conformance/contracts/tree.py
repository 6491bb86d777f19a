"""What every `Tree` must do, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seriatim.formats.errors import LimitExceededError, MalformedError, RefusedError
from seriatim.formats.limits import (
    LINK_DEPTH_MAX,
    PAGE_DEFAULT,
    PAGE_MAX,
    PATH_MAX_BYTES,
    PATH_SEGMENT_MAX_BYTES,
)
from seriatim.store.tree.tree import ROOT, NodeKind, Tree, content_path

A = ("a",)
LONGEST_SEGMENT = "s" * PATH_SEGMENT_MAX_BYTES
DEEPEST = ("d",) * (PATH_MAX_BYTES // 2)
LONGEST = (LONGEST_SEGMENT,) * 3 + ("s" * (PATH_MAX_BYTES - 3 * PATH_SEGMENT_MAX_BYTES - 3),)
BAD_SEGMENTS = ["", ".", "..", "a/b", "a\0b", "a b", "é", "a\n", "%2e", "s" * 129, "\ud800"]


class TreeContract(ABC):
    """Subclass it, and say how an empty tree is opened."""

    @abstractmethod
    def open(self, folder: Path) -> tuple[Tree, Callable[[], None]]:
        """Return an empty tree and how to close it; *folder* does not exist yet."""

    @pytest.fixture
    def tree(self, tmp_path: Path) -> Iterator[Tree]:
        """Give an empty tree, and close it afterwards."""
        tree, close = self.open(tmp_path / "log")
        yield tree
        close()

    def test_an_empty_tree_is_an_empty_group(self, tree: Tree) -> None:
        assert tree.kind(ROOT) is NodeKind.GROUP
        assert tree.list(ROOT) == []
        assert tree.get(ROOT) is None
        assert tree.kind(A) is None
        assert tree.get(A) is None
        assert tree.list(A) == []

    @pytest.mark.parametrize("value", [b"", b"value", bytes(100_000)], ids=len)
    @pytest.mark.parametrize("path", [A, ("a", "b", "c"), DEEPEST, LONGEST], ids=len)
    def test_a_value_is_read_back(self, tree: Tree, path: tuple[str, ...], value: bytes) -> None:
        tree.put(path, value)
        assert tree.get(path) == value
        assert tree.kind(path) is NodeKind.VALUE
        assert tree.resolve(path) == path
        assert tree.list(path) == []

    def test_groups_come_with_their_children(self, tree: Tree) -> None:
        tree.put(("a", "b", "c"), b"value")
        assert tree.kind(("a",)) is tree.kind(("a", "b")) is NodeKind.GROUP
        assert tree.get(("a", "b")) is None
        assert [tree.list(path) for path in (ROOT, ("a",), ("a", "b"))] == [["a"], ["b"], ["c"]]

    def test_a_value_is_replaced(self, tree: Tree) -> None:
        for value in (b"one", b"two"):
            tree.put(("a", "b"), value)
            assert tree.get(("a", "b")) == value
        assert tree.list(A) == ["b"]

    def test_paths_that_look_alike_do_not_meet(self, tree: Tree) -> None:
        paths = [("a", "b"), ("ab",), ("a-b",), ("a.b",), ("a+", "b"), ("a", "-b"), ("A", "b")]
        for path in paths:
            tree.put(path, repr(path).encode())
        assert [tree.get(path) for path in paths] == [repr(path).encode() for path in paths]
        assert tree.list(ROOT) == ["A", "a", "a+", "a-b", "a.b", "ab"]

    def test_names_are_those_of_the_children_only_and_in_byte_order(self, tree: Tree) -> None:
        names = ["+", "-", "0", "10", "9", "=", "@", "Z", "_", "a", "a.b", "aa", "~"]
        for name in reversed(names):
            tree.put(("g", name), b"")
            tree.put(("h", "g", name), b"")
        tree.put(("g", "a0", "deeper", "still"), b"")
        tree.put(("g+", "other"), b"")
        tree.put(("gg", "other"), b"")
        assert tree.list(("g",)) == sorted([*names, "a0"])

    def test_a_listing_comes_page_by_page(self, tree: Tree) -> None:
        names = [f"{number:03}" for number in range(25)]
        for name in names:
            tree.put(("g", name), b"")
        assert tree.list(("g",), limit=10) == names[:10]
        assert tree.list(("g",), after="009", limit=10) == names[10:20]
        assert tree.list(("g",), after="019", limit=10) == names[20:]
        assert tree.list(("g",), after="0095") == names[10:]
        assert tree.list(("g",), after="024") == []
        assert tree.list(("g",), limit=0) == []
        with pytest.raises(LimitExceededError):
            tree.list(("g",), limit=PAGE_MAX + 1)
        with pytest.raises(MalformedError):
            tree.list(("g",), after="..")
        with pytest.raises(LimitExceededError):
            tree.list(LONGEST, after="a")

    def test_a_link_leads_to_a_value(self, tree: Tree) -> None:
        tree.link(("links", "one"), ("data", "x"))
        assert tree.get(("links", "one")) is None, "its target need not exist yet"
        assert tree.kind(("links", "one")) is NodeKind.LINK
        tree.put(("data", "x"), b"value")
        assert tree.get(("links", "one")) == b"value"
        assert tree.resolve(("links", "one")) == ("data", "x")
        assert tree.kind(("links", "one")) is NodeKind.LINK

    def test_a_link_to_a_group_is_followed_on_the_way(self, tree: Tree) -> None:
        tree.put(("real", "group", "leaf"), b"value")
        tree.link(("alias",), ("real",))
        tree.link(("real", "up"), ("alias", "group"))
        path = ("alias", "up", "leaf")
        assert tree.get(path) == b"value"
        assert tree.resolve(path) == ("real", "group", "leaf")
        assert tree.kind(path) is NodeKind.VALUE
        assert tree.kind(("alias", "up")) is NodeKind.LINK
        assert tree.list(("alias", "up")) == ["leaf"]
        assert tree.resolve(("alias", "missing", "too")) == ("real", "missing", "too")

    def test_a_link_may_lead_to_the_root(self, tree: Tree) -> None:
        tree.put(A, b"value")
        tree.link(("top",), ROOT)
        assert tree.get(("top", "top", "a")) == b"value"
        assert tree.list(("top",)) == ["a", "top"]

    def test_a_link_is_replaced_and_replaces(self, tree: Tree) -> None:
        tree.put(("data", "x"), b"x")
        tree.put(("data", "y"), b"y")
        tree.link(("latest",), ("data", "x"))
        tree.link(("latest",), ("data", "y"))
        assert tree.get(("latest",)) == b"y"
        tree.put(("latest",), b"its own")
        assert tree.kind(("latest",)) is NodeKind.VALUE
        assert tree.get(("data", "y")) == b"y", "writing does not go through a link"
        tree.link(("latest",), ("data", "x"))
        assert tree.get(("latest",)) == b"x"

    @pytest.mark.parametrize("length", [1, 2, LINK_DEPTH_MAX + 1])
    def test_a_cycle_is_refused_with_its_path(self, tree: Tree, length: int) -> None:
        for number in range(length):
            tree.link((f"link{number}",), (f"link{(number + 1) % length}",))
        for refused in (tree.get, tree.resolve, tree.list):
            with pytest.raises(RefusedError, match="/link0 leads through more than") as refusal:
                refused(("link0",))
            assert refusal.value.code == "link_depth"
        assert tree.kind(("link0",)) is NodeKind.LINK

    def test_a_cycle_that_grows_is_refused(self, tree: Tree) -> None:
        tree.link(("a", "b"), ("a", "b", "c"))
        with pytest.raises(RefusedError):
            tree.get(("a", "b"))
        tree.link(("long",), ("long", *LONGEST[:3]))
        with pytest.raises(LimitExceededError):
            tree.get(("long",))

    def test_a_chain_is_followed_up_to_the_bound(self, tree: Tree) -> None:
        tree.put(("link0",), b"value")
        for number in range(1, LINK_DEPTH_MAX + 2):
            tree.link((f"link{number}",), (f"link{number - 1}",))
        assert tree.get((f"link{LINK_DEPTH_MAX}",)) == b"value"
        with pytest.raises(RefusedError):
            tree.get((f"link{LINK_DEPTH_MAX + 1}",))

    def test_what_is_taken_is_not_overwritten_by_another_kind(self, tree: Tree) -> None:
        tree.put(("group", "value"), b"value")
        tree.link(("link",), ("group",))
        taken = [ROOT, ("group",), ("group", "value", "x"), ("link", "x"), ("link", "x", "y")]
        for path in taken:
            with pytest.raises(RefusedError) as refusal:
                tree.put(path, b"")
            assert refusal.value.code == "path_taken"
            with pytest.raises(RefusedError) as refusal:
                tree.link(path, ("elsewhere",))
            assert refusal.value.code == "path_taken"
        assert tree.list(ROOT) == ["group", "link"]
        assert tree.list(("group",)) == ["value"]
        assert tree.get(("group", "value")) == b"value"

    def test_what_is_removed_is_gone_and_its_group_is_not(self, tree: Tree) -> None:
        for name in ("one", "two"):
            tree.put(("group", name), b"value")
        tree.link(("link",), ("group", "one"))
        tree.remove(("link",))
        assert tree.get(("group", "one")) == b"value", "a link is removed, not what it leads to"
        for name in ("one", "one", "two"):
            tree.remove(("group", name))
        assert tree.list(("group",)) == []
        assert tree.kind(("group",)) is NodeKind.GROUP
        with pytest.raises(RefusedError) as caught:
            tree.remove(("group",))
        assert caught.value.code == "path_taken"
        tree.remove(("nothing", "here"))
        assert tree.kind(("nothing",)) is None
        tree.put(("group", "one"), b"again")
        assert tree.list(("group",)) == ["one"]

    @pytest.mark.parametrize("segment", BAD_SEGMENTS, ids=ascii)
    def test_a_bad_segment_is_refused_everywhere(self, tree: Tree, segment: str) -> None:
        path = ("a", segment, "b")
        calls: list[Callable[[], object]] = [
            lambda: tree.get(path),
            lambda: tree.put(path, b""),
            lambda: tree.link(path, A),
            lambda: tree.link(A, path),
            lambda: tree.list(path),
            lambda: tree.kind(path),
            lambda: tree.resolve(path),
        ]
        for call in calls:
            with pytest.raises(MalformedError) as refusal:
                call()
            assert refusal.value.code == "bad_path"
        assert tree.list(ROOT) == []

    @pytest.mark.parametrize("path", [(*LONGEST, "x"), (*DEEPEST, "xx")], ids=len)
    def test_a_path_that_is_too_long_is_refused(self, tree: Tree, path: tuple[str, ...]) -> None:
        with pytest.raises(LimitExceededError):
            tree.put(path, b"")
        with pytest.raises(LimitExceededError):
            tree.get(path)

    def test_content_stands_once_however_often_it_is_linked(self, tree: Tree) -> None:
        paths = {tree.put_content(b"result") for _ in range(3)}
        assert paths == {content_path(b"result")}
        for slot in range(5):
            tree.link(("computed", "p", str(slot)), tree.put_content(b"result"))
        assert [tree.get(("computed", "p", str(slot))) for slot in range(5)] == [b"result"] * 5
        assert tree.list(("data",)) == [content_path(b"result")[1]]
        assert tree.put_content(b"other") != content_path(b"result")

    def test_all_values_of_a_group_come_however_many(self, tree: Tree) -> None:
        rows = [(("a", f"v{number:04d}"), b"%d" % number) for number in range(2 * PAGE_DEFAULT + 1)]
        tree.change(rows)
        assert list(tree.all_values(A)) == [(path[-1], value) for path, value in rows]
        assert list(tree.all_values(("none",))) == []

    def test_values_come_with_their_names_and_without_what_is_none(self, tree: Tree) -> None:
        for number in range(5):
            tree.put(("a", f"v{number}"), b"%d" % number)
        tree.put(("a", "group", "b"), b"below")
        tree.link(("a", "link"), ("a", "v1"))
        tree.put(("b", "v9"), b"beside")
        tree.link(("c",), A)
        assert tree.values(A) == [(f"v{number}", b"%d" % number) for number in range(5)]
        assert tree.values(("c",), after="v1", limit=2) == [("v2", b"2"), ("v3", b"3")]
        assert tree.values(A, after="v4") == tree.values(("none",)) == []
        with pytest.raises(LimitExceededError):
            tree.values(A, limit=PAGE_MAX + 1)

    def test_a_change_is_what_its_rows_are_one_after_another(self, tree: Tree) -> None:
        tree.put(("a", "old"), b"old")
        tree.change(
            [
                (("a", "b", "one"), b"1"),
                (("a", "b", "two"), b"2"),
                (("a", "b", "one"), None),
                (("a", "old"), b"new"),
                (("a", "none"), None),
            ]
        )
        assert tree.values(A) == [("old", b"new")]
        assert tree.values(("a", "b")) == [("two", b"2")]
        assert tree.kind(("a", "b")) is NodeKind.GROUP

    @pytest.mark.parametrize("bad", BAD_SEGMENTS)
    def test_a_change_puts_nothing_at_a_bad_path(self, tree: Tree, bad: str) -> None:
        with pytest.raises(MalformedError):
            tree.change([(("a", "good"), b""), (("a", bad), b"")])

    def test_a_change_puts_nothing_where_a_group_is_or_at_too_long_a_path(self, tree: Tree) -> None:
        tree.put(("a", "b", "c"), b"")
        for value in (b"", None):
            with pytest.raises(RefusedError):
                tree.change([(("a", "d"), b""), (("a", "b"), value)])
        below = LONGEST[:-1]
        with pytest.raises(LimitExceededError):
            tree.change([((*below, "s"), b""), ((*below, "s" * PATH_SEGMENT_MAX_BYTES), b"")])
