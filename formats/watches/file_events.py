"""What has happened to files as events, each with its watch mark, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.ids import b64url
from seriatim.formats.limits import FILES_TURN
from seriatim.formats.message import Value
from seriatim.formats.watches.event import Event, NoEvent
from seriatim.formats.watches.files import (
    Change,
    FileEvent,
    Files,
    apply,
    changes_between,
    raw_path,
)
from seriatim.formats.watches.files_mark import (
    FilesMark,
    encode_changes,
    encode_files_mark,
    encode_within,
)

_MS_NS: Final = 1_000_000


class Turn(NamedTuple):
    """Up to ``FILES_TURN`` changes, and what the marks of their events are made of.

    Attributes:
        number: of the first event.
        changes: in order.
        before: the mark before them; empty where there is but one.
        encoded: the changes, encoded.
        behind: the mark behind them.
    """

    number: int
    changes: tuple[Change, ...]
    before: bytes
    encoded: bytes
    behind: bytes


def turns_between(known: FilesMark, files: Files, wanted: frozenset[FileEvent]) -> Iterator[Turn]:
    """Yield what has happened from *known* to *files*, events or not.

    Each turn takes as long as snapshots take to be encoded, and the first one also as long as the
    difference takes to be found.

    Args:
        known: from where to look on.
        files: what is there now.
        wanted: what is an event.

    Raises:
        LimitExceededError: the files behind a turn are more than a mark can say.
    """
    number, left = known.number, dict(known.files)
    changes = changes_between(known.files, files)
    for first in range(0, len(changes), FILES_TURN):
        turn = tuple(changes[first : first + FILES_TURN])
        events = sum(change.event in wanted for change in turn)
        has_marks_within = events > 0 and len(turn) > 1
        before = FilesMark(known.is_folder, number, left)
        encoded = encode_files_mark(before) if has_marks_within else b""
        for change in turn:
            apply(left, change)
        behind = encode_files_mark(FilesMark(known.is_folder, number + events, left))
        yield Turn(number, turn, encoded, encode_changes(turn), behind)
        number += events


def events_of(folder: str, turn: Turn, wanted: frozenset[FileEvent]) -> Iterator[Event | NoEvent]:
    """Yield the events of *turn*, each with what is known behind it; takes no time to speak of.

    Where the last change is none, what is known behind it comes alone.

    Args:
        folder: the folder that paths are relative to.
        turn: from `turns_between`.
        wanted: the same as there.
    """
    number = turn.number
    for handled, change in enumerate(turn.changes, start=1):
        if change.event not in wanted:
            continue
        key, number = _key(number, change), number + 1
        is_last = handled == len(turn.changes)
        mark = turn.behind if is_last else encode_within(turn.before, turn.encoded, handled, number)
        yield Event(key, _fields(folder, change), mark)
    if turn.changes[-1].event not in wanted:
        yield NoEvent(turn.behind)


def _key(number: int, change: Change) -> str:
    """Return a key for *change* as the event *number*.

    The change alone would not do: a file that is moved out, in and out again is deleted twice.
    """
    said = [change.event.value, raw_path(change.path), *change.file, raw_path(change.source)]
    return f"{number}-{b64url(sha256(dump_plain(said)).digest())}"


def _fields(folder: str, change: Change) -> dict[str, Value]:
    fields: dict[str, Value] = {
        "event": change.event.value,
        "folder": _plain(folder),
        "file": _plain(change.path),
    }
    if change.event is FileEvent.MOVE:
        fields["from"] = _plain(change.source)
    if change.event is not FileEvent.DELETE:
        fields["size"] = change.file.size
        fields["modified-ms"] = change.file.mtime_ns // _MS_NS
    return fields


def _plain(path: str) -> str | bytes:
    """Return *path* as a message can carry it: text, or else bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return raw_path(path)
    return path
