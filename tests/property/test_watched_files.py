"""Snapshots of files: what is said to have happened leads from the old one to the new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import EVENT_KEY_MAX_CHARS, FILES_TURN
from seriatim.formats.watches import file_events
from seriatim.formats.watches.event import Event, NoEvent, check_event
from seriatim.formats.watches.file_events import events_of, turns_between
from seriatim.formats.watches.files import (
    Change,
    File,
    FileEvent,
    Files,
    apply,
    changes_between,
)
from seriatim.formats.watches.files_mark import (
    FilesMark,
    decode_files_mark,
    encode_changes,
    encode_files_mark,
    encode_within,
)
from seriatim.formats.watches.settling import Settling

EVERY = frozenset(FileEvent)
NAMES = ["a", "b", "c/d", "c/e", "é", "\udcff"]
QUIET_MS = 10

Diff = Callable[[Files, Files], list[Change]]


class Disk:
    """A file system as far as it matters: a clock, inodes that are used again, and names."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self._time = 1_700_000_000_000_000_000
        self._aside: list[File] = []

    def do(self, verb: str, name: str, other: str) -> None:
        """Do *verb* to the file *name*; what cannot be done is not."""
        self._time += 1
        if verb == "write":
            inode = self.files[name].inode if name in self.files else self._free_inode()
            self.files[name] = File(inode, self._time, self._time % 7)
        elif verb == "bring back" and self._aside:
            self.files[name] = self._aside.pop()
        elif name not in self.files:
            return
        elif verb == "delete":
            del self.files[name]
        elif verb == "take out":
            self._aside.append(self.files.pop(name))
        elif verb == "move":
            self.files[other] = self.files.pop(name)
        elif verb == "link":
            self.files[other] = self.files[name]

    def _free_inode(self) -> int:
        taken = {file.inode for file in (*self.files.values(), *self._aside)}
        return next(inode for inode in range(1, 100) if inode not in taken)


@st.composite
def histories(draw: st.DrawFn) -> list[Files]:
    """Return what some looks at one disk find, the first one included."""
    disk = Disk()
    found: list[Files] = []
    verbs = st.sampled_from(["write", "delete", "move", "link", "take out", "bring back"])
    for _ in range(draw(st.integers(2, 5))):
        for _ in range(draw(st.integers(0, 6))):
            disk.do(draw(verbs), draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES)))
        found.append(dict(disk.files))
    return found


def check_diff(old: Files, new: Files, diff: Diff = changes_between) -> None:
    """Fail unless *diff* says what leads from *old* to *new*, and says each thing once."""
    changes = diff(old, new)
    replayed = dict(old)
    for change in changes:
        apply(replayed, change)
    assert replayed == new
    paths = [path for each in changes for path in (each.path, each.source) if path]
    assert len(paths) == len(set(paths))
    by_event = {event: [each for each in changes if each.event is event] for event in FileEvent}
    appeared, gone = new.keys() - old.keys(), old.keys() - new.keys()
    moved = by_event[FileEvent.MOVE]
    assert {each.path for each in by_event[FileEvent.CREATE] + moved} == appeared
    assert {each.path for each in by_event[FileEvent.DELETE]} | {e.source for e in moved} == gone
    assert {each.path for each in by_event[FileEvent.MODIFY]} == {
        path for path in old.keys() & new.keys() if old[path] != new[path]
    }
    assert all(old[each.source] == new[each.path] for each in moved)
    # Whatever could have been a move is one.
    left = [each.file for each in by_event[FileEvent.DELETE]]
    assert not set(left) & {each.file for each in by_event[FileEvent.CREATE]}


def events_between(
    folder: str, known: FilesMark, files: Files, wanted: frozenset[FileEvent]
) -> list[Event | NoEvent]:
    """Return all that a watch says on the way from *known* to *files*."""
    turns = turns_between(known, files, wanted)
    return [event for turn in turns for event in events_of(folder, turn, wanted)]


def walk(history: Sequence[Files], *, restarts: bool, wanted: frozenset[FileEvent]) -> list[Event]:
    """Return all events of a watch; where it *restarts*, each one from the mark before it alone."""
    events: list[Event] = []
    known = FilesMark(is_folder=True, number=0, files=history[0])
    for files in history[1:]:
        while True:
            seen = events_between("/f", known, files, wanted)
            taken = seen[:1] if restarts else seen
            events += [each for each in taken if isinstance(each, Event)]
            if not taken:
                assert known.files == files, "all that has happened is on disk"
                break
            known = decode_files_mark(taken[-1].mark)
    return events


FILE, OTHER = File(1, 2, 3), File(2, 2, 3)


@given(histories())
@example([{"a": FILE, "b": FILE, "c": FILE}, {}])
@example([{"a": FILE, "b": FILE}, {"c": FILE}])
@example([{"a": FILE}, {"b": FILE, "c": FILE}])
def test_what_has_happened_leads_from_one_look_to_the_next(history: list[Files]) -> None:
    for old, new in pairwise(history):
        check_diff(old, new)


def no_moves(old: Files, new: Files) -> list[Change]:
    found = []
    for change in changes_between(old, new):
        if change.event is FileEvent.MOVE:
            found.append(Change(FileEvent.DELETE, change.source, change.file))
            change = Change(FileEvent.CREATE, change.path, change.file)  # noqa: PLW2901  # a fault
        found.append(change)
    return found


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ({"a": FILE}, {"b": FILE}, no_moves),
        ({"a": FILE}, {}, lambda old, new: []),
        ({"a": FILE}, {"a": OTHER}, lambda old, new: [Change(FileEvent.CREATE, "a", OTHER)]),
        ({"a": FILE}, {"b": OTHER}, lambda old, new: [Change(FileEvent.MOVE, "b", OTHER, "a")]),
        ({}, {"a": FILE}, lambda old, new: [Change(FileEvent.CREATE, "a", FILE)] * 2),
    ],
)
def test_a_diff_that_says_something_else_is_caught(old: Files, new: Files, diff: Diff) -> None:
    with pytest.raises(AssertionError):
        check_diff(old, new, diff)


@given(histories(), st.sets(st.sampled_from(FileEvent)), st.integers(1, 4))
def test_a_watch_that_restarts_after_each_event_sees_the_same(
    history: list[Files], wanted: set[FileEvent], turn: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        straight = walk(history, restarts=False, wanted=frozenset(wanted))
        patch.setattr(file_events, "FILES_TURN", turn)
        restarted = walk(history, restarts=True, wanted=frozenset(wanted))
    assert [each.fields for each in restarted] == [each.fields for each in straight]
    assert [each.key for each in restarted] == [each.key for each in straight]


@given(histories())
def test_no_two_events_have_one_key_and_all_can_be_kept(history: list[Files]) -> None:
    # Back and forth: files come back as they were.
    events = walk([*history, *reversed(history), *history], restarts=False, wanted=EVERY)
    assert len({each.key for each in events}) == len(events)
    for event in events:
        assert check_event(event) is event
        assert len(event.key) <= EVENT_KEY_MAX_CHARS


def test_a_file_that_is_taken_out_twice_is_deleted_twice() -> None:
    events = walk([{"a": FILE}, {}, {"a": FILE}, {}], restarts=True, wanted=EVERY)
    assert [each.fields["event"] for each in events] == ["delete", "create", "delete"]
    assert len({each.key for each in events}) == 3


def test_what_is_not_wanted_is_known_behind_the_next_event() -> None:
    event, *others = events_between(
        "/f",
        FilesMark(is_folder=True, number=4, files={"a": FILE}),
        {"b": OTHER},
        EVERY - {"delete"},
    )
    assert not others
    assert isinstance(event, Event)
    assert event.fields == {
        "event": "create",
        "folder": "/f",
        "file": "b",
        "size": 3,
        "modified-ms": 0,
    }
    assert decode_files_mark(event.mark) == FilesMark(True, 5, {"b": OTHER})


def test_what_is_not_wanted_is_known_behind_itself_where_no_event_comes() -> None:
    known, wanted = FilesMark(is_folder=True, number=0, files={}), frozenset({FileEvent.MODIFY})
    (created,) = events_between("/f", known, {"a": FILE}, wanted)
    assert isinstance(created, NoEvent)
    known = decode_files_mark(created.mark)
    assert known == FilesMark(True, 0, {"a": FILE})
    (modified,) = events_between("/f", known, {"a": OTHER}, wanted)
    assert isinstance(modified, Event)


def test_a_name_that_is_no_text_is_bytes() -> None:
    known = FilesMark(is_folder=True, number=0, files={})
    (event,) = events_between("/f", known, {"\udcff": FILE}, EVERY)
    assert isinstance(event, Event)
    assert event.fields["file"] == b"\xff"


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
files = st.builds(
    File, st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63), st.integers(0, 2**63)
)


@given(st.booleans(), st.integers(0, 2**50), st.dictionaries(names | st.just("\udcff"), files))
def test_a_mark_comes_back(is_folder: bool, number: int, found: dict[str, File]) -> None:
    mark = FilesMark(is_folder, number, found)
    raw = encode_files_mark(mark)
    assert decode_files_mark(raw) == mark
    assert encode_files_mark(decode_files_mark(raw)) == raw


@pytest.mark.parametrize(
    "raw", [b"", b"\xa0", b"12", encode_files_mark(FilesMark(True, 0, {}))[:-1]]
)
def test_what_is_no_mark_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_files_mark(raw)
    assert caught.value.code == "bad_mark"


@given(histories(), st.integers(1, 4))
def test_what_a_mark_knows_is_what_its_event_leads_to(history: list[Files], turn: int) -> None:
    known = FilesMark(is_folder=True, number=3, files=history[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_events, "FILES_TURN", turn)
        events = events_between("/f", known, history[-1], EVERY)
    behind = dict(known.files)
    changes = changes_between(history[0], history[-1])
    for number, (event, change) in enumerate(zip(events, changes, strict=True), start=4):
        apply(behind, change)
        assert decode_files_mark(event.mark) == FilesMark(True, number, behind)


def test_snapshots_are_encoded_by_the_turn_and_not_by_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[int] = []

    def encode(mark: FilesMark) -> bytes:
        encoded.append(mark.number)
        return encode_files_mark(mark)

    monkeypatch.setattr(file_events, "encode_files_mark", encode)
    known = FilesMark(is_folder=True, number=0, files={})
    events = events_between("/f", known, {f"{n}": FILE for n in range(FILES_TURN + 1)}, EVERY)
    assert len(events) == FILES_TURN + 1
    assert encoded == [0, FILES_TURN, FILES_TURN + 1]  # one change needs none before it


def test_a_mark_whose_changes_are_none_of_its_files_is_refused() -> None:
    before = encode_files_mark(FilesMark(True, 0, {"a": FILE}))
    gone = encode_changes(
        [Change(FileEvent.DELETE, "a", FILE), Change(FileEvent.DELETE, "b", FILE)]
    )
    assert decode_files_mark(encode_within(before, gone, 1, 1)) == FilesMark(True, 1, {})
    for torn in (
        encode_within(before, gone, 2, 2),
        encode_within(before, gone.replace(b"delete", b"vanish"), 1, 1),
        encode_within(before, before, 1, 1),
        encode_within(gone, gone, 1, 1),
        encode_within(before, b"", 1, 1),
    ):
        with pytest.raises(MalformedError) as caught:
            decode_files_mark(torn)
        assert caught.value.code == "bad_mark"


def test_a_mark_with_columns_of_different_lengths_is_refused() -> None:
    whole = encode_files_mark(FilesMark(True, 0, {"a": FILE, "b": FILE}))
    torn = whole.replace(b"a\0b", b"axb")
    assert torn != whole
    with pytest.raises(MalformedError):
        decode_files_mark(torn)


# Debounce.


def settled_model(looks: Sequence[tuple[int, Files]], known: Files, now_ms: int) -> Files:
    """Return the files that have settled: of each path, whether it was the same for long enough."""
    found = looks[-1][1]
    settled = {}
    for path in {path for _, files in looks for path in files} | known.keys():
        seen = [(when_ms, files.get(path)) for when_ms, files in [(-1, known), *looks]]
        changed_ms = [b[0] for a, b in pairwise(seen) if a[1] != b[1]]
        is_settled = not changed_ms or now_ms - changed_ms[-1] >= QUIET_MS
        file = found.get(path) if is_settled else known.get(path)
        if file is not None:
            settled[path] = file
    return settled


def check_settling(
    history: Sequence[Files], pauses_ms: Sequence[int], kind: type[Settling] = Settling
) -> None:
    """Fail unless a *kind* of debounce says at each look what the model says."""
    known, *rest = history
    settling, looks, now_ms = kind(known, QUIET_MS), [], 0
    for found, pause_ms in zip(rest, pauses_ms, strict=False):
        looks.append((now_ms, found))
        settling.see(found, now_ms)
        now_ms += pause_ms
        settled, model = settling.settled(known, now_ms), settled_model(looks, known, now_ms)
        for path in settled.keys() | model.keys():
            if settled.get(path) != model.get(path):
                # What has left for a path that has not settled has not left yet.
                assert path not in found
                assert settled[path] == known[path]
                assert known[path] in found.values()
        assert settling.due_ms() is not None or settled == found
    assert settling.settled(known, now_ms + QUIET_MS) == rest[-1]
    assert settling.due_ms() is None


@given(histories(), st.lists(st.integers(0, 2 * QUIET_MS), min_size=5, max_size=5))
def test_a_path_that_was_left_alone_is_seen_as_it_is(
    history: list[Files], pauses_ms: list[int]
) -> None:
    check_settling(history, pauses_ms)


class Hasty(Settling):
    """A planted fault: everything has settled."""

    def settled(self, known: Files, now_ms: int) -> Files:
        super().settled(known, now_ms)
        return self._found


class Deaf(Settling):
    """A planted fault: what changes again does not have to settle again."""

    def see(self, found: Files, now_ms: int) -> None:
        before = dict(self._changed_ms)
        super().see(found, now_ms)
        self._changed_ms |= before


@pytest.mark.parametrize("kind", [Hasty, Deaf])
def test_a_debounce_that_does_not_wait_is_caught(kind: type[Settling]) -> None:
    half_ms = QUIET_MS // 2
    with pytest.raises(AssertionError):
        check_settling([{}, {"a": FILE}, {"a": OTHER}, {"a": OTHER}], [half_ms] * 3, kind)


def test_a_move_is_one_event_whatever_settles_first() -> None:
    settling = Settling({"a": FILE}, QUIET_MS)
    settling.see({"b": FILE}, 0)
    settling.see({"c": FILE}, 5)
    assert settling.settled({"a": FILE}, QUIET_MS) == {"a": FILE}
    assert settling.settled({"a": FILE}, QUIET_MS + 5) == {"c": FILE}
    assert [each.event for each in changes_between({"a": FILE}, {"c": FILE})] == [FileEvent.MOVE]
