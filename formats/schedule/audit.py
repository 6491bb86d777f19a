"""The offline check of a process's log: slots, chain, signatures, and what each one covers.

Pure: it is fed records in slot order and keeps a few values between two of them. What it
accepts, anybody can check again from the same bytes.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Self

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import ChainBrokenError, SchedulerError
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import signer_of, verify
from seriatim.formats.ids import b64url_decode, decode_id, encode_id
from seriatim.formats.schedule.assignment import (
    FIRST_LINK,
    Block,
    Draft,
    Link,
    hyperbeam_tags,
    legacy_tags,
    link_of,
)
from seriatim.formats.schedule.chain import next_chain
from seriatim.formats.schedule.http_assignment import (
    BODY,
    assignment_id_text,
    block_of,
    http_assignment_fields,
    with_body,
)
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.stored_message import StoredMessage
from seriatim.formats.schedule.submission import Spawn
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import decode_cbor
from seriatim.formats.tabm.model import COMMITMENTS_KEY


class Audit:
    """Checks one process, slot by slot from 0, or with `resume` from a later slot on.

    Attributes:
        process: its id, 32 raw bytes.
        variant: the kind of its assignments, ``None`` before slot 0.
        slots: how many slots have passed.
        signatures: how many signatures have been verified.
        scheduler: address of the wallet that signed the assignments, or ``None`` so far.
        spawner: address of the owner of the spawn, or ``None`` where it is not signed.
        spawn: what the spawn says; ``None`` before slot 0, and in an audit that was resumed.
    """

    def __init__(self, process: bytes, *, signatures: bool = True) -> None:
        """Start before slot 0 of *process*; without *signatures*, check structure only."""
        self.process = process
        self._check_signatures = signatures
        self._link: Link = FIRST_LINK
        self._timestamp_ms = -1
        self.variant: Variant | None = None
        self.slots = 0
        self.signatures = 0
        self.scheduler: bytes | None = None
        self.spawner: bytes | None = None
        self.spawn: Spawn | None = None

    @classmethod
    def resume(cls, process: bytes, slot: int, record: Record) -> Self:
        """Return the audit that has passed everything up to *slot*, where *record* stands.

        Args:
            process: its id, 32 raw bytes.
            slot: the last slot that has passed.
            record: what passed there.
        """
        audit = cls(process)
        audit.variant = record.variant
        audit.slots = slot + 1
        audit._link = link_of(record)
        audit._timestamp_ms = record.timestamp_ms
        if record.variant.signed:
            form = Kind.TABM if record.kind is Kind.TABM else Kind.ITEM
            audit.scheduler = StoredMessage(form, record.assignment).signer
        return audit

    def add(self, slot: int, record: Record) -> None:
        """Check the next record.

        Raises:
            ChainBrokenError: the record does not follow from the ones before, or one of its
                parts does not cover another; the error names the slot and both values.
        """
        self._expect("slot", slot, self.slots, slot)
        if self.variant is None:
            self._expect("message of slot 0", record.message_id, self.process, slot)
            self.variant = record.variant
        self._expect("variant", record.variant, self.variant, slot)
        if record.timestamp_ms <= self._timestamp_ms:
            raise self._broken(
                slot, f"timestamp over {self._timestamp_ms}", str(record.timestamp_ms)
            )
        chain = next_chain(
            record.variant,
            process=self.process,
            previous=self._link.hash_chain,
            previous_assignment_id=self._link.assignment_id,
            message_id=record.message_id,
        )
        self._expect("hash chain", record.hash_chain, chain, slot)
        try:
            self._check_message(slot, record)
            self._check_assignment(slot, record)
        except ChainBrokenError:
            raise
        except (SchedulerError, ValueError) as error:
            raise self._broken(slot, "a sound message and assignment", str(error)) from error
        self._link = link_of(record)
        self._timestamp_ms = record.timestamp_ms
        self.slots += 1

    def check_alone(self, slot: int, record: Record) -> None:
        """Check a record of any slot by itself, whatever came before it.

        What passes, where assignments are signed, was signed by the scheduler for this slot.

        Raises:
            SchedulerError: its message or its assignment does not hold.
        """
        self._expect("variant", record.variant, self.variant, slot)
        try:
            self._check_message(slot, record)
            self._check_assignment(slot, record)
        except ValueError as error:
            raise self._broken(slot, "a sound message and assignment", str(error)) from error

    def _check_message(self, slot: int, record: Record) -> None:
        if record.kind is Kind.REFERENCE:
            self._expect("message bytes of a reference", record.message, b"", slot)
            if slot == 0:
                raise self._broken(slot, "a spawn", "a reference")
            return
        message = StoredMessage(record.kind, record.message)
        submission = message.submission(process=self.process)
        self._expect("message id", submission.message_id, record.message_id, slot)
        if self._check_signatures:
            message.verify()
            self.signatures += submission.is_signed
        if slot == 0:
            self.spawner = message.signer
        self._check_spawn(slot, record.variant, submission.spawn)

    def _check_spawn(self, slot: int, variant: Variant, spawn: Spawn | None) -> None:
        if slot:
            if spawn is not None:
                raise self._broken(slot, "any message but a spawn", "a spawn")
            return
        if spawn is None:
            raise self._broken(slot, "a spawn", "another message")
        self.spawn = spawn
        if spawn.variant is not None:
            self._expect("variant that the spawn names", spawn.variant, variant, slot)

    def _check_assignment(self, slot: int, record: Record) -> None:
        if not record.variant.signed:
            self._expect("assignment id", record.assignment_id, NO_ID, slot)
            self._expect("assignment bytes", record.assignment, b"", slot)
            return
        if record.kind is Kind.TABM:
            self._check_http_assignment(slot, record)
        else:
            self._check_item_assignment(slot, record, DataItem.decode(record.assignment))

    def _check_item_assignment(self, slot: int, record: Record, item: DataItem) -> None:
        self._expect("assignment id", item.id, record.assignment_id, slot)
        if self._check_signatures:
            item.verify()
            self.signatures += 1
        self._check_scheduler(slot, item.address)
        self._expect("assignment target", bytes(item.target), b"", slot)
        self._expect("assignment data", bytes(item.data), b"", slot)
        if record.variant is Variant.HYPERBEAM:
            self._expect("assignment anchor", bytes(item.anchor), b"", slot)
        expected = self._expected_tags(slot, record, item)
        for given, wanted in zip_longest(item.tags, expected):
            self._expect("assignment tag", _tag_text(given), _tag_text(wanted), slot)

    def _check_http_assignment(self, slot: int, record: Record) -> None:
        stored = decode_cbor(record.assignment)
        self._expect("stored body", stored.get(BODY), None, slot)
        message = decode_cbor(record.message)
        whole = with_body(stored, message)
        given = decode_id(assignment_id_text(whole))
        self._expect("assignment id", given, record.assignment_id, slot)
        self._expect("assignment and what is signed of it", whole, canonical(whole), slot)
        if self._check_signatures:
            verify(whole)
            self.signatures += 1
        self._check_scheduler(slot, signer_of(whole))
        draft = self._draft(slot, record, path="", block=block_of(stored))
        wanted = http_assignment_fields(draft, record.hash_chain, message)
        for name in sorted({*wanted, *stored} - {COMMITMENTS_KEY}):
            self._expect(f"assignment {name}", stored.get(name), wanted.get(name), slot)

    def _check_scheduler(self, slot: int, address: bytes | None) -> None:
        if self.scheduler is None:
            self.scheduler = address
        self._expect("scheduler", address, self.scheduler, slot)

    def _expected_tags(self, slot: int, record: Record, item: DataItem) -> list[Tag]:
        """Return the tags that the assignment must have.

        What the record does not determine (block, path, excludes) is taken from the assignment:
        the scheduler's signature is the only source for it.
        """
        legacy = record.variant is Variant.LEGACY
        draft = self._draft(
            slot,
            record,
            path=_tag_value(item, b"path"),
            excludes=tuple(value.decode() for name, value in item.tags if name == b"Exclude"),
            block=Block(
                int(_tag_value(item, b"Block-Height" if legacy else b"block-height")),
                b"" if legacy else b64url_decode(_tag_value(item, b"block-hash")),
                0 if legacy else int(_tag_value(item, b"block-timestamp")),
            ),
        )
        return (legacy_tags if legacy else hyperbeam_tags)(draft, record.hash_chain)

    def _draft(
        self,
        slot: int,
        record: Record,
        *,
        path: str,
        block: Block,
        excludes: tuple[str, ...] = (),
    ) -> Draft:
        return Draft(
            self.process,
            slot,
            record.variant,
            record.timestamp_ms,
            record.kind,
            record.message_id,
            b"",
            path,
            excludes,
            block,
        )

    def _expect(self, what: str, given: object, expected: object, slot: int) -> None:
        if given != expected:
            raise self._broken(slot, f"{what} {_show(expected)}", _show(given))

    def _broken(self, slot: int, expected: str, given: str) -> ChainBrokenError:
        return ChainBrokenError(
            process=encode_id(self.process), slot=slot, expected=expected, given=given
        )


def _tag_value(item: DataItem, name: bytes) -> str:
    return (item.tag(name) or b"").decode()


def _tag_text(tag: Tag | None) -> str:
    if tag is None:
        return "no tag"
    return f"{tag.name.decode('utf-8', 'replace')}={tag.value.decode('utf-8', 'replace')}"


def _show(value: object) -> str:
    if isinstance(value, bytes):
        return encode_id(value) if len(value) == len(NO_ID) else value[:32].hex()
    return value.name if isinstance(value, (Variant, Kind)) else str(value)
