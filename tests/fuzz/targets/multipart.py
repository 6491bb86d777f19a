"""Bodies of several parts: what is read is written and read again as the same parts.

An input is a content type, a line feed, and the body.
"""

from __future__ import annotations

from seriatim.formats.errors import SchedulerError
from seriatim.formats.httpsig.multipart import boundary_of, join_parts, read_parts, write_part
from tests.fuzz import seeds as recorded


def seeds() -> list[bytes]:
    """Return the recorded bodies that have parts."""
    types = [(each.headers.get("content-type", b""), each.body) for each in recorded.placed()]
    return [kind + b"\n" + body for kind, body in types if kind]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    content_type, _, body = raw.partition(b"\n")
    boundary = boundary_of(content_type)
    if boundary is None:
        return
    assert len(boundary) <= len(content_type)
    try:
        parts = read_parts(body, boundary)
    except SchedulerError:
        return
    assert sum(len(part.body or b"") for part in parts) <= len(body)
    again, written = join_parts([write_part(part) for part in parts])
    assert read_parts(written, again) == parts
