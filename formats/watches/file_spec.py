"""What a watch of files is for: the kind ``file``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate
from pathlib import PurePath
from typing import Final, NamedTuple

from seriatim.formats.limits import FILES_DEBOUNCE_DEFAULT_MS
from seriatim.formats.message import Value
from seriatim.formats.watches.files import FileEvent
from seriatim.formats.watches.spec import SpecReader, bad_watch

_EVENTS: Final = tuple(event.value for event in FileEvent)


class FileSpec(NamedTuple):
    """The spec of one watch of files.

    Attributes:
        path: the folder or the file, absolute.
        pattern: what the path of a file, relative to the folder, has to match.
        events: which of them it is for.
        is_recursive: whether folders in the folder count.
        debounce_ms: how long a file has to be left alone.
        is_polling: whether to look from time to time only.
    """

    path: str
    pattern: re.Pattern[str]
    events: frozenset[FileEvent]
    is_recursive: bool
    debounce_ms: int
    is_polling: bool


def read_file_spec(spec: Mapping[str, Value]) -> FileSpec:
    """Return the spec of a watch of files.

    Raises:
        MalformedError: it is none; code ``bad_watch``.
    """
    reader = SpecReader(spec)
    path = reader.text("path")
    if not PurePath(path).is_absolute() or "\0" in path:
        raise bad_watch("path", "an absolute path", path)
    globs = reader.texts("patterns") or ("*",)
    events = reader.texts("events", among=_EVENTS) or _EVENTS
    found = FileSpec(
        path,
        re.compile("|".join(map(translate, globs))),
        frozenset(map(FileEvent, events)),
        reader.flag("recursive", default=True),
        reader.span_ms("debounce", default_ms=FILES_DEBOUNCE_DEFAULT_MS),
        reader.flag("polling", default=False),
    )
    reader.end()
    return found
