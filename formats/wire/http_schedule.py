"""A schedule as one HTTP message: HyperBEAM's own form, each assignment signed within it.

The parts of an assignment depend on nothing but its slot, so they are written once and joined into
any page; the boundary and the digest follow from all of them. Source: specification §4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from struct import Struct
from typing import Final

from seriatim.formats.httpsig.multipart import join_parts
from seriatim.formats.httpsig.placement import (
    CONTENT_TYPE,
    DIGEST,
    HttpMessage,
    multipart_type,
    write_entries,
)
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import Rich, to_tabm
from seriatim.formats.wire.schedule import page_fields

ASSIGNMENTS: Final = "assignments"

_LENGTHS: Final = Struct(">II")


def encode_entry(slot: int, assignment: Tabm) -> bytes:
    """Return the parts of one assignment, each after the lengths of its name and of itself."""
    written = write_entries({ASSIGNMENTS: {str(slot): assignment}})
    return b"".join(
        _LENGTHS.pack(len(name.encode()), len(part)) + name.encode() + part
        for name, part in written
    )


def encode_page(
    entries: Iterable[bytes], process: bytes, block: Block, *, continues: bool
) -> HttpMessage:
    """Return a page of *process* from chunks of `encode_entry`; nobody signs the page itself."""
    parts = sorted(part for chunk in entries for part in _split(chunk))
    said = page_fields(process, block, continues=continues)
    if not parts:
        return HttpMessage(_headers({**said, ASSIGNMENTS: {}}), b"")
    boundary, body = join_parts([part for _, part in parts])
    headers = _headers(said)
    headers[CONTENT_TYPE] = multipart_type(boundary)
    headers[DIGEST] = sf.write_dictionary({"sha-256": sf.Item(sf.Binary(sha256(body).digest()))})
    return HttpMessage(headers, body)


def _headers(said: Mapping[str, Rich]) -> dict[str, bytes]:
    return {key: value for key, value in to_tabm(said).items() if isinstance(value, bytes)}


def _split(chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(chunk):
        name_bytes, part_bytes = _LENGTHS.unpack_from(chunk, at)
        at += _LENGTHS.size
        name = chunk[at : at + name_bytes]
        at += name_bytes
        yield name, chunk[at : at + part_bytes]
        at += part_bytes
