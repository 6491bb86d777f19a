"""What has happened to files: the difference of two snapshots.

A snapshot is a map of paths, relative to the folder with slashes, to `File`. A name that is no
UTF-8 has surrogates in its text, as Python reads it; it is bytes in marks and events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.limits import FILES_WATCHED_MAX


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


def raw_path(path: str) -> bytes:
    """Return the bytes of *path*, as the system has them."""
    return path.encode("utf-8", "surrogateescape")
