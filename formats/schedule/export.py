"""Exported logs: JSON lines that anybody can read and check without a node.

The first line describes the process, every other line is one slot::

    {"seriatim-export": 1, "process": "…", "variant": "ao.TN.1", "slots": 7}
    {"slot": 0, "kind": "item", "timestamp": …, "message-id": "…", "assignment-id": "…",
     "hash-chain": "…", "message": "<base64url>", "assignment": "<base64url>"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import MalformedError, SchedulerError
from seriatim.formats.ids import b64url, b64url_decode, decode_id, encode_id
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.variant import Variant

EXPORT_FORMAT: Final = 1


class ExportHeader(NamedTuple):
    """The first line of an export.

    Attributes:
        process: 32 raw bytes.
        variant: of all assignments.
        slots: how many lines follow.
    """

    process: bytes
    variant: Variant
    slots: int


def encode_header(header: ExportHeader) -> bytes:
    """Return the first line, with its line end."""
    return _line(
        {
            "seriatim-export": EXPORT_FORMAT,
            "process": encode_id(header.process),
            "variant": header.variant.tag,
            "slots": header.slots,
        }
    )


def encode_slot(slot: int, record: Record) -> bytes:
    """Return the line of one slot, with its line end."""
    return _line(
        {
            "slot": slot,
            "kind": record.kind.name.lower(),
            "timestamp": record.timestamp_ms,
            "message-id": encode_id(record.message_id),
            "assignment-id": encode_id(record.assignment_id),
            "hash-chain": encode_id(record.hash_chain),
            "message": b64url(record.message),
            "assignment": b64url(record.assignment),
        }
    )


def decode_export(
    lines: Iterable[bytes],
) -> tuple[ExportHeader, Iterator[tuple[int, Record]]]:
    """Return the header of an export and its records, decoded as they are asked for.

    The iterator ends where the lines end: compare the count with the header's ``slots``.

    Raises:
        MalformedError: not an export, or a line that cannot be read; the text names the line.
    """
    iterator = iter(lines)
    plain = _object(next(iterator, b""), 1)
    version = plain.get("seriatim-export")
    if type(version) is not int or version != EXPORT_FORMAT:
        raise MalformedError(
            f"line 1: not a seriatim export of format {EXPORT_FORMAT}", code="bad_export"
        )
    try:
        header = ExportHeader(
            decode_id(plain["process"]),
            Variant.from_tag(plain["variant"]),
            _integer(plain, "slots"),
        )
    except (KeyError, TypeError, ValueError, SchedulerError) as error:
        raise MalformedError(
            f"line 1: not the header of an export ({error})", code="bad_export"
        ) from error
    return header, _decode_slots(header, iterator)


def _decode_slots(header: ExportHeader, lines: Iterator[bytes]) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(lines, 2):
        plain = _object(line, number)
        try:
            record = Record(
                header.variant,
                Kind[plain["kind"].upper()],
                _integer(plain, "timestamp"),
                decode_id(plain["message-id"]),
                decode_id(plain["assignment-id"]),
                decode_id(plain["hash-chain"]),
                b64url_decode(plain["message"]),
                b64url_decode(plain["assignment"]),
            )
            slot = _integer(plain, "slot")
        except (KeyError, TypeError, ValueError, AttributeError, SchedulerError) as error:
            raise MalformedError(
                f"line {number}: not a slot of an export ({error})", code="bad_export"
            ) from error
        yield slot, record


def _integer(plain: Mapping[str, Any], name: str) -> int:
    """Return an integer of the file as it stands there: everybody has to read the same."""
    value = plain[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is not an integer from 0 on")
    return value


def _line(plain: dict[str, Any]) -> bytes:
    return orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        plain = parse_json(line)
    except SchedulerError as error:
        raise MalformedError(f"line {number}: {error}", code="bad_export") from error
    if not isinstance(plain, dict):
        raise MalformedError(f"line {number}: not a JSON object", code="bad_export")
    return plain
