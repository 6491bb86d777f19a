"""Exports from strangers: what is wrong is said with its line."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from seriatim.formats.errors import MalformedError
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.export import (
    ExportHeader,
    decode_export,
    encode_header,
    encode_slot,
)
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import every_kind, seal_log

DRAFTS = every_kind(Variant.LEGACY)
PROCESS = DRAFTS[0].process
RECORDS = seal_log(DRAFTS)
HEADER = encode_header(ExportHeader(PROCESS, Variant.LEGACY, len(RECORDS)))
LINES = [HEADER, *(encode_slot(slot, record) for slot, record in enumerate(RECORDS))]


def changed(line: bytes, **changes: Any) -> bytes:
    plain = orjson.loads(line)
    for name, value in changes.items():
        plain[name.replace("_", "-")] = value
    return orjson.dumps(plain)


def without(line: bytes, name: str) -> bytes:
    plain = orjson.loads(line)
    del plain[name]
    return orjson.dumps(plain)


def test_an_export_can_be_audited_without_a_node() -> None:
    header, slots = decode_export(LINES)
    audit = Audit(header.process)
    for slot, record in slots:
        audit.add(slot, record)
    assert audit.slots == header.slots == len(RECORDS)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        changed(HEADER, seriatim_export=2),
        changed(HEADER, process="short"),
        changed(HEADER, process=7),
        changed(HEADER, variant="ao.X"),
        changed(HEADER, slots="many"),
        changed(HEADER, slots=None),
        changed(HEADER, slots=7.9),
        changed(HEADER, slots=True),
        changed(HEADER, slots="1_0"),
        changed(HEADER, slots=-3),
        changed(HEADER, seriatim_export=True),
        without(HEADER, "process"),
    ],
    ids=lambda line: line[:60].decode(),
)
def test_a_first_line_that_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError, match="line 1"):
        decode_export([line])


def test_no_lines_are_no_export() -> None:
    with pytest.raises(MalformedError, match="line 1"):
        decode_export([])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b'"text"',
        changed(LINES[1], kind="rumour"),
        changed(LINES[1], kind=1),
        changed(LINES[1], slot="first"),
        changed(LINES[1], slot=None),
        changed(LINES[1], timestamp=[]),
        changed(LINES[1], message="="),
        changed(LINES[1], message=1),
        changed(LINES[1], message_id="short"),
        changed(LINES[1], hash_chain=None),
        without(LINES[1], "assignment"),
    ],
    ids=lambda line: line[-40:].decode(),
)
def test_a_line_that_is_no_slot_is_refused_with_its_number(line: bytes) -> None:
    _, slots = decode_export([*LINES[:2], line])
    assert next(slots)[0] == 0
    with pytest.raises(MalformedError, match="line 3") as caught:
        next(slots)
    assert caught.value.code == "bad_export"
