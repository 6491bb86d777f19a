"""A log of HTTP-signed messages: sealed, audited, and every planted fault found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seriatim.formats.errors import (
    ChainBrokenError,
    MalformedError,
    SchedulerError,
    UnsupportedSchemeError,
)
from seriatim.formats.httpsig.commitments import Fields, sign, signed_of
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.assignment import FIRST_LINK
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.export import ExportHeader, decode_export, encode_header, encode_slot
from seriatim.formats.schedule.http_assignment import (
    assignment_id_text,
    block_of,
    with_body,
    without_body,
)
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.seal import seal
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.submission import DEFAULT_PATH, submit_tabm
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import decode_cbor, encode_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY
from tests.support.builders import NODE, make_draft, message, seal_log
from tests.support.hyperbeam import (
    client_wallet,
    http_message,
    http_spawn,
    http_submission,
    rsa_wallet,
)
from tests.support.records import make_id
from tests.support.strategies import known_wallet


def log_of(variant: Variant) -> tuple[bytes, list[Record]]:
    first = http_spawn(variant)
    rest = [
        http_submission(first.process, b"signed"),
        message(first.process, b"a data item"),
        http_submission(first.process, b"plain", is_signed=False),
        http_submission(first.process, b"with a path", path=b"a/b"),
    ]
    drafts = [make_draft(each, slot, variant) for slot, each in enumerate([first, *rest])]
    return first.process, seal_log(drafts, wallet=rsa_wallet())


PROCESS, LOG = log_of(Variant.HYPERBEAM)


def audited(process: bytes, records: list[Record]) -> Audit:
    audit = Audit(process)
    for slot, record in enumerate(records):
        audit.add(slot, record)
    return audit


def test_a_log_of_every_form_passes() -> None:
    audit = audited(PROCESS, LOG)
    assert (audit.slots, audit.signatures) == (5, 5 + 4)
    assert audit.scheduler == rsa_wallet().address
    assert audit.spawner == client_wallet().address


def test_a_log_without_signed_assignments_passes_too() -> None:
    process, records = log_of(Variant.NATIVE)
    assert {record.assignment for record in records} == {b""}
    assert audited(process, records).signatures == 4


def test_structure_alone_is_checked_without_signatures() -> None:
    audit = Audit(PROCESS, signatures=False)
    for slot, record in enumerate(LOG):
        audit.add(slot, record)
    assert (audit.signatures, audit.spawner) == (0, client_wallet().address)


def test_an_export_carries_it() -> None:
    lines = [encode_header(ExportHeader(PROCESS, Variant.HYPERBEAM, len(LOG)))]
    lines += [encode_slot(slot, record) for slot, record in enumerate(LOG)]
    _, records = decode_export(lines)
    assert [record for _, record in records] == LOG


def resealed(change: Callable[[Fields], Fields]) -> Record:
    """Return slot 1 with an assignment that its scheduler signed, but that says another thing."""
    record = LOG[1]
    stored = decode_cbor(record.assignment)
    fields = {key: value for key, value in stored.items() if key != COMMITMENTS_KEY}
    whole = sign(change(dict(with_body(fields, decode_cbor(record.message)))), rsa_wallet())
    return record._replace(
        assignment=encode_cbor(without_body(whole)),
        assignment_id=decode_id(assignment_id_text(whole)),
    )


def test_a_resealed_record_passes_when_nothing_was_changed() -> None:
    audited(PROCESS, [LOG[0], resealed(dict), *LOG[2:]])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slot", b"2"),
        ("timestamp", b"1"),
        ("process", encode_id(make_id("other")).encode()),
        ("hash-chain", encode_id(make_id("other")).encode()),
        ("variant", b"ao.TN.1"),
        ("epoch", b"1"),
        ("data-protocol", b"other"),
        ("path", b"push"),
        ("extra", b"x"),
        ("block-height", b"many"),
        ("block-hash", b"!"),
    ],
)
def test_an_assignment_that_says_another_thing_is_found(key: str, value: bytes) -> None:
    with pytest.raises(ChainBrokenError):
        audited(PROCESS, [LOG[0], resealed(lambda fields: {**fields, key: value})])


def test_an_assignment_of_another_message_is_found() -> None:
    other = http_message({"data": b"other", "target": encode_id(PROCESS).encode()})
    with pytest.raises(ChainBrokenError):
        audited(PROCESS, [LOG[0], resealed(lambda fields: {**fields, "body": other})])


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def test_no_byte_can_be_changed() -> None:
    signed = LOG[1]
    changed = [
        signed._replace(message=flipped(signed.message, at))
        for at in range(0, len(signed.message), 97)
    ]
    changed += [
        signed._replace(assignment=flipped(signed.assignment, at))
        for at in range(0, len(signed.assignment), 97)
    ]
    for record in changed:
        with pytest.raises(SchedulerError):
            audited(PROCESS, [LOG[0], record])


@pytest.mark.parametrize(
    "changed",
    [
        LOG[1]._replace(assignment=b"", assignment_id=NO_ID),
        LOG[1]._replace(assignment=LOG[0].assignment, assignment_id=LOG[0].assignment_id),
        LOG[1]._replace(assignment_id=LOG[0].assignment_id),
        LOG[1]._replace(message=LOG[3].message),
        LOG[1]._replace(kind=Kind.ITEM),
        LOG[1]._replace(kind=Kind.UNSIGNED),
    ],
)
def test_a_record_whose_parts_do_not_fit_is_found(changed: Record) -> None:
    with pytest.raises(ChainBrokenError):
        audited(PROCESS, [LOG[0], changed])


def test_another_schedulers_assignment_is_found() -> None:
    draft = make_draft(http_submission(PROCESS, b"signed"), 1, Variant.HYPERBEAM)
    link = FIRST_LINK._replace(hash_chain=LOG[0].hash_chain)
    other, _ = seal(draft, link, client_wallet(), anchor=b"")
    with pytest.raises(ChainBrokenError, match="scheduler"):
        audited(PROCESS, [LOG[0], other])


def test_a_wallet_that_cannot_sign_http_messages_is_refused() -> None:
    draft = make_draft(http_spawn(), 0, Variant.HYPERBEAM)
    with pytest.raises(UnsupportedSchemeError):
        seal(draft, FIRST_LINK, known_wallet(NODE), anchor=b"")


def test_surplus_beside_a_signed_message_is_no_sound_message() -> None:
    raw = encode_cbor({**decode_cbor(LOG[1].message), "extra": b"x"})
    with pytest.raises(MalformedError, match="not what was signed"):
        StoredMessage(Kind.TABM, raw).verify()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"data": b"a\r\nb"}, "not_placeable"),
        ({"action": b"a\nb"}, "not_placeable"),
        ({"path": b"a\tb"}, "bad_path"),
        ({"path": b"a\x7fb"}, "bad_path"),
        ({"ao-types": b'n="integer"', "n": b"x"}, "bad_types"),
        ({"n+base64url": b"x"}, "bad_key"),
        ({"target": b"short"}, "bad_id"),
        ({"type": b"\xff"}, "bad_tag_text"),
        ({"type": b"Process", "variant": b"no.such"}, "unknown_variant"),
        ({"target": b"A" * 43}, "wrong_process"),
    ],
)
def test_a_message_that_could_not_be_read_again_is_refused(
    fields: dict[str, bytes], code: str
) -> None:
    process = None if "type" in fields else PROCESS
    with pytest.raises(MalformedError) as caught:
        submit_tabm(http_message(fields, is_signed=False), process=process)
    assert caught.value.code == code


def test_an_assignment_without_a_block_or_with_two_signatures_is_no_assignment() -> None:
    with pytest.raises(MalformedError) as caught:
        block_of({"slot": b"1"})
    assert caught.value.code == "bad_assignment"
    twice = sign(sign({"a": b"1"}, client_wallet()), rsa_wallet())
    assert len(signed_of(twice)) == 2
    with pytest.raises(MalformedError, match="one signature"):
        assignment_id_text(twice)


def test_a_message_without_a_path_goes_to_the_default_one() -> None:
    assert http_submission(PROCESS, b"x").path == DEFAULT_PATH
    assert http_submission(PROCESS, b"x", path=b"a/b").path == "a/b"


def test_an_empty_map_in_a_stored_message_is_found_signed_or_not() -> None:
    """It changes no id and no signature, and so it would be anybody's."""
    for slot in (1, 3):
        raw = encode_cbor({**decode_cbor(LOG[slot].message), "extra": {}})
        with pytest.raises(ChainBrokenError):
            audited(PROCESS, [*LOG[:slot], LOG[slot]._replace(message=raw)])
