"""Looking at a folder: which files are there now. Blocks; for a thread."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seriatim.formats.errors import LimitExceededError, UnavailableError
from seriatim.formats.limits import FILES_SEEN_MAX
from seriatim.formats.watches.files import File, check_count

if TYPE_CHECKING:
    from seriatim.formats.watches.file_spec import FileSpec
    from seriatim.formats.watches.files import Files


class Look(NamedTuple):
    """What a look has found.

    Attributes:
        folder: device and inode of the folder itself: another one may stand at its path by now.
        files: what is in it, and what the watch is for.
    """

    folder: tuple[int, int]
    files: Files


def is_folder(path: str) -> bool:
    """Tell whether a folder is at *path*, or else a file.

    Raises:
        UnavailableError: neither is; code ``no_folder``.
    """
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError as error:
        raise no_folder(path, error) from error


def folder_of(spec: FileSpec, *, is_folder: bool) -> str:
    """Return the folder that is looked at: a file's is the one that it is in."""
    return spec.path if is_folder else str(Path(spec.path).parent)


def look(spec: FileSpec, *, is_folder: bool) -> Look:
    """Return the files that are there now: regular ones, and none behind a symbolic link.

    Raises:
        UnavailableError: a folder is not there any more, or cannot be read; code ``no_folder``.
        LimitExceededError: more than ``FILES_WATCHED_MAX`` files are to be watched, or more than
            ``FILES_SEEN_MAX`` are there.
    """
    folder = folder_of(spec, is_folder=is_folder)
    try:
        status = Path(folder).stat()
        files = _below(spec) if is_folder else _only(Path(spec.path))
    except OSError as error:
        raise no_folder(folder, error) from error
    return Look((status.st_dev, status.st_ino), files)


def no_folder(path: str, error: OSError) -> UnavailableError:
    """Return the error for a folder that cannot be looked at; code ``no_folder``."""
    where = error.filename or path
    return UnavailableError(
        f"{where} cannot be watched: {error.strerror or error}; put it back, or remove the trigger",
        code="no_folder",
    )


def _only(path: Path) -> Files:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return {}
    return {path.name: _file(status)} if stat.S_ISREG(status.st_mode) else {}


def _below(spec: FileSpec) -> Files:
    files: dict[str, File] = {}
    for seen, (path, entry) in enumerate(_entries(spec), start=1):
        if seen > FILES_SEEN_MAX:
            raise LimitExceededError(
                f"files and folders in {spec.path} (watch a folder below)",
                given=seen,
                maximum=FILES_SEEN_MAX,
            )
        if spec.pattern.match(path) and entry.is_file(follow_symlinks=False):
            try:
                files[path] = _file(entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue  # it was there a moment ago
            check_count(len(files))
    return files


def _entries(spec: FileSpec) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what is in the folder, and below it where the spec says so, by relative path."""
    folders = [("", spec.path)]
    while folders:
        before, folder = folders.pop()
        try:
            found = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            if not before:
                raise
            continue  # it was there a moment ago
        with found:
            for entry in found:
                path = before + entry.name
                yield path, entry
                if spec.is_recursive and entry.is_dir(follow_symlinks=False):
                    folders.append((f"{path}/", entry.path))


def _file(status: os.stat_result) -> File:
    return File(status.st_ino, status.st_mtime_ns, status.st_size)
