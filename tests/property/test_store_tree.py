"""`LmdbTree`, `MemoryTree` and laws that hold for any tree, under arbitrary writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.store.environment import Environment
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import NodeKind, Tree, TreePath, format_path, parse_path

# Few names, one a prefix of another, so that paths meet, nest and loop all the time.
names = st.sampled_from(["a", "a-", "aa", "b"])
paths: st.SearchStrategy[TreePath] = st.lists(names, max_size=4).map(tuple)
segments = st.text("azAZ09._~@=+-", min_size=1, max_size=20).filter(lambda s: s not in {".", ".."})

Outcome = tuple[str, object]


def _outcome(tree: Tree, verb: str, path: TreePath) -> Outcome:
    """Return what *verb* says about *path*, whether an answer or a refusal."""
    try:
        return "answer", getattr(tree, verb)(path)
    except RefusedError as refusal:
        return refusal.code, str(refusal)


class TreeMachine(RuleBasedStateMachine):
    """Values and links anywhere; both trees accept, refuse and answer the same."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seriatim-test-"))
        self.environment = Environment.open_writer(self.folder / "log")
        self.lmdb = LmdbTree(self.environment)
        self.memory = MemoryTree()
        self.values: dict[TreePath, bytes] = {}

    def teardown(self) -> None:
        if hasattr(self, "environment"):
            self.environment.close()
            shutil.rmtree(self.folder)

    @rule(path=paths, value=st.binary(max_size=4))
    def put(self, path: TreePath, value: bytes) -> None:
        if self._both(lambda tree: tree.put(path, value)):
            self.values[path] = value

    @rule(path=paths, leads_to=paths)
    def link(self, path: TreePath, leads_to: TreePath) -> None:
        if self._both(lambda tree: tree.link(path, leads_to)):
            self.values.pop(path, None)

    @rule(path=paths)
    def remove(self, path: TreePath) -> None:
        if self._both(lambda tree: tree.remove(path)):
            self.values.pop(path, None)

    def _both(self, write: Callable[[Tree], None]) -> bool:
        """Do *write* to both trees; tell whether they took it, which they must agree on."""
        refusals = []
        for tree in (self.lmdb, self.memory):
            try:
                write(tree)
            except RefusedError as refusal:
                refusals.append(str(refusal))
        assert refusals in ([], refusals[:1] * 2)
        return not refusals

    @rule(path=paths)
    def look(self, path: TreePath) -> None:
        for verb in ("get", "kind", "resolve", "list"):
            assert _outcome(self.lmdb, verb, path) == _outcome(self.memory, verb, path)

    @rule(path=paths)
    def what_a_path_leads_to_is_what_stands_there(self, path: TreePath) -> None:
        try:
            end = self.lmdb.resolve(path)
        except RefusedError:
            return
        assert self.lmdb.resolve(end) == end
        assert self.lmdb.kind(end) is not NodeKind.LINK
        assert self.lmdb.get(path) == self.lmdb.get(end)
        assert self.lmdb.list(path) == self.lmdb.list(end)

    @invariant()
    def nothing_that_was_put_is_lost(self) -> None:
        for path, value in getattr(self, "values", {}).items():
            assert self.lmdb.get(path) == value
            for length in range(len(path)):
                assert path[length] in self.lmdb.list(path[:length])


TestTreeMachine = TreeMachine.TestCase
TestTreeMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@given(st.lists(segments, max_size=12).map(tuple))
def test_a_path_and_its_text_are_one_to_one(path: TreePath) -> None:
    assert parse_path(format_path(path)) == path


@given(st.text(max_size=30))
def test_a_text_is_a_path_or_malformed(text: str) -> None:
    try:
        path = parse_path(text)
    except MalformedError:
        return
    assert format_path(path) == "/" + text.removeprefix("/")
