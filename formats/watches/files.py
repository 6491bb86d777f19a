"""What has happened to files: the difference of two snapshots, and snapshots as watch marks.

A snapshot is a map of paths, relative to the folder with slashes, to `File`. A name that is no
UTF-8 has surrogates in its text, as Python reads it; it is bytes in marks and fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from seriatim.formats.codecs.cbor import dump_plain, load_map
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url
from seriatim.formats.limits import FILES_WATCHED_MAX
from seriatim.formats.message import Value
from seriatim.formats.watches.event import Event, bad_mark, check_mark

_MS_NS: Final = 1_000_000
_BETWEEN_PATHS: Final = "\0"  # which no path has


class File(NamedTuple):
    """A file as a look finds it; what has the same three values has not changed.

    Attributes:
        inode: its number within its file system.
        mtime_ns: when it was last modified, Unix nanoseconds.
        size: in bytes.
    """

    inode: int
    mtime_ns: int
    size: int


Files: TypeAlias = Mapping[str, File]


class FileEvent(StrEnum):
    """What can happen to a file."""

    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"
    MOVE = "move"


class Change(NamedTuple):
    """What has happened to one file.

    Attributes:
        event: which of the four.
        path: where the file is; of one that is deleted, where it was.
        file: the file; of one that is deleted, as it was.
        source: of one that is moved, where it was; else empty.
    """

    event: FileEvent
    path: str
    file: File
    source: str = ""


class FilesMark(NamedTuple):
    """From where a watch of files looks on.

    Attributes:
        is_folder: whether what is watched is a folder; else it is one file.
        number: of the next event. It begins with the instant at which the trigger was added, and
            is one more for each event: a trigger that is added again has other numbers.
        files: the snapshot behind the last of them.
    """

    is_folder: bool
    number: int
    files: Files


def changes_between(old: Files, new: Files) -> list[Change]:
    """Return what has happened between two snapshots, at most one change for a path.

    A file is moved when a path is gone and the same file (inode, time and size) is at a path that
    was not there: an inode alone may be another file's by now.

    Returns:
        What was deleted first, then by path; `apply` on *old*, one after the other in any order,
        gives *new*.
    """
    gone: dict[File, list[str]] = defaultdict(list)
    for path in sorted(old.keys() - new.keys(), reverse=True):
        gone[old[path]].append(path)
    changes = []
    for path in sorted(new.keys() - old.keys()):
        sources = gone[new[path]]
        if sources:
            changes.append(Change(FileEvent.MOVE, path, new[path], sources.pop()))
        else:
            changes.append(Change(FileEvent.CREATE, path, new[path]))
    for file, paths in gone.items():
        changes.extend(Change(FileEvent.DELETE, path, file) for path in paths)
    changed = differing(old, new) & old.keys() & new.keys()
    changes.extend(Change(FileEvent.MODIFY, path, new[path]) for path in changed)
    return sorted(changes, key=lambda change: (change.event is not FileEvent.DELETE, change.path))


def differing(old: Files, new: Files) -> set[str]:
    """Return the paths at which the snapshots say different things."""
    return {path for path, _ in old.items() ^ new.items()}


def apply(files: dict[str, File], change: Change) -> None:
    """Make *files* what they are behind *change*."""
    if change.event is FileEvent.DELETE:
        del files[change.path]
        return
    if change.event is FileEvent.MOVE:
        del files[change.source]
    files[change.path] = change.file


def events_between(
    folder: str, known: FilesMark, files: Files, wanted: frozenset[FileEvent]
) -> Iterator[Event]:
    """Yield the events on the way from *known* to *files*, each with what is known behind it.

    What is not *wanted* is no event, and is known behind the next one, too.

    Args:
        folder: the folder that paths are relative to.
        known: from where to look on.
        files: what is there now.
        wanted: what is an event.
    """
    number = known.number
    behind = dict(known.files)
    for change in changes_between(known.files, files):
        apply(behind, change)
        if change.event in wanted:
            mark = FilesMark(known.is_folder, number + 1, behind)
            yield Event(_key(number, change), _fields(folder, change), encode_files_mark(mark))
            number += 1


def encode_files_mark(mark: FilesMark) -> bytes:
    """Return *mark* in deterministic CBOR; the same snapshot gives the same bytes.

    Files are in columns, sorted by path, which takes a fourth of the time of a map of lists: each
    event has a mark.

    Raises:
        LimitExceededError: it is longer than ``WATCH_MARK_MAX_BYTES``.
    """
    paths = sorted(mark.files)
    files = [mark.files[path] for path in paths]
    plain = {
        "inodes": [file.inode for file in files],
        "is-folder": mark.is_folder,
        "mtimes-ns": [file.mtime_ns for file in files],
        "number": mark.number,
        "paths": _raw(_BETWEEN_PATHS.join(paths)),
        "sizes": [file.size for file in files],
    }
    return check_mark(dump_plain(plain))


def decode_files_mark(raw: bytes) -> FilesMark:
    """Return the mark that `encode_files_mark` has made *raw* of.

    Raises:
        MalformedError: it has not; code ``bad_mark``.
    """
    try:
        plain = load_map(raw)
    except MalformedError as error:
        raise bad_mark(str(error)) from error
    match plain:
        case {
            "inodes": list(inodes),
            "is-folder": bool(is_folder),
            "mtimes-ns": list(mtimes_ns),
            "number": int(number),
            "paths": bytes(joined),
            "sizes": list(sizes),
        }:
            text = joined.decode("utf-8", "surrogateescape")
            paths = text.split(_BETWEEN_PATHS) if text else []
            is_whole = len(paths) == len(inodes) == len(mtimes_ns) == len(sizes)
            if is_whole and set(map(type, (*inodes, *mtimes_ns, *sizes))) <= {int}:
                files = map(File, inodes, mtimes_ns, sizes)
                return FilesMark(is_folder, number, dict(zip(paths, files, strict=True)))
    raise bad_mark("it has no columns of files")


def check_count(found: int) -> None:
    """Return when *found* files are not too many to watch.

    Raises:
        LimitExceededError: they are.
    """
    if found > FILES_WATCHED_MAX:
        raise LimitExceededError(
            "files that one watch is for (watch a folder below, or fewer patterns)",
            given=found,
            maximum=FILES_WATCHED_MAX,
        )


def _key(number: int, change: Change) -> str:
    """Return a key for *change* as the event *number*.

    The change alone would not do: a file that is moved out, in and out again is deleted twice.
    """
    said = [change.event.value, _raw(change.path), *change.file, _raw(change.source)]
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


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _plain(path: str) -> str | bytes:
    """Return *path* as a message can carry it: text, or else bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _raw(path)
    return path
