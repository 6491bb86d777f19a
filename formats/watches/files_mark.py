"""Watch marks of files: a snapshot, or a place on the way from one to another.

A snapshot of many files is long, and takes its time to be encoded. So what is handled one after the
other shares it, with all that is changed, and each mark says how many of these are handled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from seriatim.formats.codecs.cbor import dump_plain, load_map
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import FILES_SNAPSHOT_MAX_BYTES
from seriatim.formats.watches.event import bad_mark
from seriatim.formats.watches.files import (
    Change,
    File,
    FileEvent,
    Files,
    apply,
    raw_path,
)

_BETWEEN_PATHS: Final = "\0"  # which no path has


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


def encode_files_mark(mark: FilesMark) -> bytes:
    """Return *mark* in deterministic CBOR; the same snapshot gives the same bytes.

    Files are in columns, sorted by path, which takes a fourth of the time of a map of lists.

    Raises:
        LimitExceededError: it is longer than ``FILES_SNAPSHOT_MAX_BYTES``.
    """
    paths = sorted(mark.files)
    files = [mark.files[path] for path in paths]
    plain = {
        "inodes": [file.inode for file in files],
        "is-folder": mark.is_folder,
        "mtimes-ns": [file.mtime_ns for file in files],
        "number": mark.number,
        "paths": raw_path(_BETWEEN_PATHS.join(paths)),
        "sizes": [file.size for file in files],
    }
    raw = dump_plain(plain)
    if len(raw) > FILES_SNAPSHOT_MAX_BYTES:
        raise LimitExceededError(
            "bytes of what one watch knows of its files (watch a folder below, or fewer patterns)",
            given=len(raw),
            maximum=FILES_SNAPSHOT_MAX_BYTES,
        )
    return raw


def encode_changes(changes: Sequence[Change]) -> bytes:
    """Return *changes* as `encode_within` takes them."""
    rows = [
        [each.event.value, raw_path(each.path), raw_path(each.source), *each.file]
        for each in changes
    ]
    return dump_plain({"changes": rows})


def encode_within(before: bytes, changes: bytes, handled: int, number: int) -> bytes:
    """Return the mark behind some of *changes*; takes no longer than copying does.

    Args:
        before: the mark before all of them; from `encode_files_mark`.
        changes: from `encode_changes`.
        handled: how many of them are handled.
        number: of the next event.
    """
    plain = {"before": before, "changes": changes, "handled": handled, "number": number}
    return dump_plain(plain)


def decode_files_mark(raw: bytes) -> FilesMark:
    """Return the mark that `encode_files_mark` or `encode_within` has made *raw* of.

    Raises:
        MalformedError: they have not; code ``bad_mark``.
    """
    plain = _load(raw)
    match plain:
        case {
            "before": bytes(before),
            "changes": bytes(changes),
            "handled": int(handled),
            "number": int(number),
        }:
            known = _snapshot(_load(before))
            files = dict(known.files)
            try:
                for row in _load(changes)["changes"][:handled]:
                    apply(files, _change(row))
            except (KeyError, TypeError, ValueError) as error:
                raise bad_mark("its changes are none of its files") from error
            return FilesMark(known.is_folder, number, files)
    return _snapshot(plain)


def _load(raw: bytes) -> dict[Any, Any]:
    try:
        return load_map(raw)
    except MalformedError as error:
        raise bad_mark(str(error)) from error


def _snapshot(plain: Mapping[Any, Any]) -> FilesMark:
    match plain:
        case {
            "inodes": list(inodes),
            "is-folder": bool(is_folder),
            "mtimes-ns": list(mtimes_ns),
            "number": int(number),
            "paths": bytes(joined),
            "sizes": list(sizes),
        }:
            text = _text(joined)
            paths = text.split(_BETWEEN_PATHS) if text else []
            is_whole = len(paths) == len(inodes) == len(mtimes_ns) == len(sizes)
            if is_whole and set(map(type, (*inodes, *mtimes_ns, *sizes))) <= {int}:
                files = map(File, inodes, mtimes_ns, sizes)
                return FilesMark(is_folder, number, dict(zip(paths, files, strict=True)))
    raise bad_mark("it has no columns of files")


def _change(row: object) -> Change:
    match row:
        case [str(event), bytes(path), bytes(source), int(inode), int(mtime_ns), int(size)]:
            file = File(inode, mtime_ns, size)
            return Change(FileEvent(event), _text(path), file, _text(source))
    raise ValueError("no change")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
