"""HyperBEAM's bundles are read back, recorded ones and ours; what they cannot prove is said."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import orjson
import pytest

from seriatim.formats.errors import MalformedError, NotVerifiableError, SchedulerError
from seriatim.formats.httpsig.commitments import Fields, sign
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.http_assignment import BODY, without_body
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.model import TYPES_KEY, Tabm
from seriatim.formats.wire import http_schedule
from seriatim.formats.wire.http_page import HttpPageReader
from seriatim.formats.wire.rendition import needs_rendition, sign_rendition, whole_assignment
from seriatim.formats.wire.stored import StoredAssignment
from tests.support.builders import make_draft, message, seal_log, unsigned
from tests.support.hyperbeam import (
    DATA_ITEM,
    PROCESS,
    RECORDED,
    SCHEDULER,
    http_spawn,
    http_submission,
    original,
    rsa_wallet,
    stored_of,
)

READER = HttpPageReader()
SPAWNS = {variant: http_spawn(variant) for variant in (Variant.HYPERBEAM, Variant.NATIVE)}
PROCESS_OF_OURS = SPAWNS[Variant.HYPERBEAM].process
UNSIGNED = 5
"""The recorded slot whose message nobody signed."""


def bundle(assignments: dict[int, Tabm]) -> bytes:
    """Return the body of a page of whole *assignments*, by slot."""
    entries = [http_schedule.encode_entry(slot, each) for slot, each in assignments.items()]
    return http_schedule.encode_page(entries, PROCESS, Block(), continues=False).body


def log_of(*rest: Submission, variant: Variant = Variant.HYPERBEAM) -> list[StoredAssignment]:
    """Return an HTTP-signed spawn and *rest*, placed."""
    submissions = [SPAWNS[variant], *rest]
    drafts = [make_draft(each, slot, variant) for slot, each in enumerate(submissions)]
    records = seal_log(drafts, wallet=rsa_wallet())
    return [
        StoredAssignment(drafts[0].process, slot, record) for slot, record in enumerate(records)
    ]


def whole(stored: StoredAssignment) -> Fields:
    """Return an assignment as our node serves it."""
    is_signed_again = needs_rendition(stored)
    rendition = sign_rendition(stored, rsa_wallet()) if is_signed_again else None
    return whole_assignment(stored, rendition)


def read(raw: bytes, process: bytes = PROCESS) -> list[Record]:
    return [READER.record(process, entry) for entry in READER.entries(raw)]


def test_our_bundle_gives_every_record_back_and_passes_the_audit() -> None:
    process = PROCESS_OF_OURS
    log = log_of(
        http_submission(process, b"one"),
        http_submission(process, b"\xff no text", path=b"a/b", other=b""),
        http_submission(process, b"long" * 2_000),
    )
    found = read(bundle({each.slot: whole(each) for each in log}), process)
    assert found == [each.record for each in log]
    audit = Audit(process)
    for slot, record in enumerate(found):
        audit.add(slot, record)
    assert audit.scheduler == rsa_wallet().address


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each["slot"])
@pytest.mark.parametrize("has_status", [False, True])
def test_a_recorded_assignment_comes_back_and_holds(
    recorded: dict[str, Any], *, has_status: bool
) -> None:
    slot = recorded["slot"]
    assignment = dict(original(recorded))
    if has_status:  # as the reply to its POST has it
        types = assignment[TYPES_KEY]
        assert isinstance(types, bytes)
        assignment |= {"status": b"200", TYPES_KEY: types + b', status="integer"'}
    (entry,) = READER.entries(bundle({slot: assignment}))
    if slot in (DATA_ITEM, UNSIGNED):
        reason = "data item" if slot == DATA_ITEM else "nobody has signed the message"
        with pytest.raises(NotVerifiableError, match=reason):
            READER.record(PROCESS, entry)
        return
    record = READER.record(PROCESS, entry)
    stored = stored_of(recorded).record
    assert record == stored
    Audit.resume(PROCESS, slot, stored).check_alone(slot, record)


@pytest.mark.parametrize("name", ["10-get-schedule-default", "11-get-schedule-from1-to3"])
def test_a_recorded_page_is_verified_where_its_signatures_are_its_own(name: str) -> None:
    """HyperBEAM's file store serves the signature of slot 0 for the slots behind it."""
    vector = orjson.loads((SCHEDULER / "http" / f"{name}.json").read_bytes())
    for entry in READER.entries(b64decode(vector["response"]["body_b64"])):
        if entry.slot == 0:
            record = READER.record(PROCESS, entry)
            assert record == stored_of(RECORDED[0]).record
            Audit(PROCESS).add(0, record)
            continue
        with pytest.raises(NotVerifiableError, match=r"another one|data item"):
            READER.record(PROCESS, entry)


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (message(PROCESS_OF_OURS, "an item"), r"data item|no place"),
        (message(PROCESS_OF_OURS, b"\xff\r\n\x00"), r"data item|no place"),
        (unsigned(PROCESS_OF_OURS, "our own"), "nobody has signed the message"),
        (http_submission(PROCESS_OF_OURS, b"plain", is_signed=False), "nobody has signed the mess"),
    ],
)
def test_what_was_signed_in_another_form_is_not_verifiable(
    submission: Submission, reason: str
) -> None:
    log = log_of(submission)
    (entry,) = READER.entries(bundle({1: whole(log[1])}))
    with pytest.raises(NotVerifiableError, match=reason):
        READER.record(PROCESS_OF_OURS, entry)


def test_a_native_assignment_is_not_verifiable() -> None:
    log = log_of(http_submission(SPAWNS[Variant.NATIVE].process, b"x"), variant=Variant.NATIVE)
    (entry,) = READER.entries(bundle({1: whole(log[1])}))
    with pytest.raises(NotVerifiableError, match="nobody has signed the assignment"):
        READER.record(log[1].process, entry)


@pytest.mark.parametrize("key", ["timestamp", "hash-chain", "block-height", "extra", "data"])
def test_what_was_changed_does_not_pass_the_audit(key: str) -> None:
    log = log_of(http_submission(PROCESS_OF_OURS, b"x"), http_submission(PROCESS_OF_OURS, b"y"))
    assignment = whole(log[1])
    changed: Fields = {**assignment, key: b"77"}
    if key == "hash-chain":
        changed[key] = b"A" * 43
    if key == "data":
        body = assignment[BODY]
        assert not isinstance(body, bytes)
        changed = {**assignment, BODY: {**body, key: b"forged"}}
    audit = Audit(PROCESS_OF_OURS)
    audit.add(0, log[0].record)
    (entry,) = READER.entries(bundle({1: changed}))
    with pytest.raises(SchedulerError):
        audit.add(1, READER.record(PROCESS_OF_OURS, entry))


def test_an_assignment_that_its_scheduler_signed_about_another_message_does_not_pass() -> None:
    log = log_of(http_submission(PROCESS_OF_OURS, b"x"), http_submission(PROCESS_OF_OURS, b"y"))
    first, second = whole(log[1]), whole(log[2])
    said = {key: each for key, each in without_body(first).items() if key != "commitments"}
    mixed = sign({**said, BODY: second[BODY]}, rsa_wallet())
    audit = Audit(PROCESS_OF_OURS)
    audit.add(0, log[0].record)
    (entry,) = READER.entries(bundle({1: mixed}))
    record = READER.record(PROCESS_OF_OURS, entry)
    assert record.kind is Kind.TABM
    with pytest.raises(SchedulerError, match="hash chain"):
        audit.add(1, record)


@pytest.mark.parametrize(
    "assignments",
    [
        {1: {"slot": b"2"}},
        {1: {"slot": b"01"}},
        {1: {"slot": b"1" * 20}},
        {1: {"slot": b"-1"}},
        {1: {"nonce": b"1"}},
        {1: {"slot": b"1", "x": {"slot": b"2"}}, 2: {"x": {"y": b"z"}}},
    ],
)
def test_what_is_no_assignment_is_refused(assignments: dict[int, Tabm]) -> None:
    with pytest.raises(MalformedError) as caught:
        READER.entries(bundle(assignments))
    assert caught.value.code == "bad_page"


@pytest.mark.parametrize("raw", [b"x", b"<html>", b"{}", b"--", b"--a\r\n--a--", b"--\xff\r\n"])
def test_what_is_no_bundle_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        READER.entries(raw)


def test_an_empty_page_has_no_entries() -> None:
    assert READER.entries(b"") == []
