"""Reading HyperBEAM's schedule: one HTTP message of many parts (``http_schedule.py``).

A record comes back where the assignment was signed as an HTTP message, about a message that was
signed as one. What else a page may hold says no more than that something was placed:

* a data item's assignment was signed as a data item, which is not there; what is, is a rendition;
* of an unsigned message, nothing says by which of two rules its id was made;
* HyperBEAM of May 2025 stores one signature for all messages of one signer that have the same keys,
  and serves it under the ids of the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from seriatim.formats.ans104.codec import DEVICE as ANS104
from seriatim.formats.errors import NotVerifiableError
from seriatim.formats.httpsig.commitments import Fields, message_id, signed_of
from seriatim.formats.httpsig.placement import CONTENT_TYPE, HttpMessage, gather, multipart_type
from seriatim.formats.httpsig.signature import signature_of
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.http_assignment import BODY, assignment_id_text, without_body
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.tabm.model import TYPES_KEY, Tabm, bytes_of, commitments_of
from seriatim.formats.wire.http_schedule import ASSIGNMENTS
from seriatim.formats.wire.page import PageEntry, bad_page, check_slot, sort_entries
from seriatim.formats.wire.rendition import BODY_LINK

_STATUS: Final = "status"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class HttpPageReader:
    """`PageReader` of ``~scheduler@1.0/schedule`` as an HTTP message; it reads the body alone."""

    def entries(self, raw: bytes) -> Sequence[PageEntry]:
        """See `PageReader.entries`."""
        if not raw:
            return []  # an empty schedule has headers only
        assignments = gather(_message(raw)).get(ASSIGNMENTS)
        if not isinstance(assignments, Mapping):
            raise bad_page("a schedule has assignments, by slot")
        return sort_entries([_entry(key, each) for key, each in assignments.items()])

    def record(self, process: bytes, entry: PageEntry) -> Record:
        """See `PageReader.record`."""
        del process  # the audit compares it with what is signed
        whole = _without_status(entry.plain)
        message = _signed_message(entry.slot, whole)
        return Record(
            Variant.from_tag(_text(whole, "variant")),
            Kind.TABM,
            _number(whole, "timestamp"),
            decode_id(message_id(message)),
            decode_id(assignment_id_text(whole)),
            decode_id(_text(whole, "hash-chain")),
            encode_cbor(message),
            encode_cbor(without_body(whole)),
        )


def _message(raw: bytes) -> HttpMessage:
    """Return the body *raw* as a message: its first line says what parts it."""
    first, _, _ = raw.partition(b"\r\n")
    if not first.startswith(b"--"):
        raise bad_page("a schedule begins with the boundary of its parts")
    boundary = first.removeprefix(b"--").decode("latin-1")
    return HttpMessage({CONTENT_TYPE: multipart_type(boundary)}, raw)


def _entry(key: str, assignment: bytes | Tabm) -> PageEntry:
    if isinstance(assignment, bytes):
        raise bad_page(f"what stands under {key[:32]!r} is no assignment")
    slot = _number(assignment, "slot")
    if key != str(slot):
        raise bad_page(f"slot {slot} stands under {key[:32]!r}")
    return PageEntry(slot, dict(assignment), is_binary=True)


def _without_status(assignment: Tabm) -> Fields:
    """Return *assignment* without the status that HyperBEAM adds when it is signed already."""
    types = sf.parse_dictionary(bytes_of(assignment, TYPES_KEY))
    if types.pop(_STATUS, None) is None:
        return dict(assignment)
    said: Fields = {key: value for key, value in assignment.items() if key != _STATUS}
    return {**said, TYPES_KEY: sf.write_dictionary(types)}


def _signed_message(slot: int, whole: Tabm) -> Tabm:
    """Return the message of an assignment, both of which say what somebody signed.

    Raises:
        NotVerifiableError: one of them does not.
    """
    message = whole.get(BODY)
    if BODY_LINK in whole:
        raise _not_verifiable(slot, "its message has no place on the page")
    if not isinstance(message, Mapping):
        raise bad_page(f"slot {slot} has no message")
    if any(
        bytes_of(each, "commitment-device") == ANS104.encode()
        for each in commitments_of(message).values()
    ):
        raise _not_verifiable(slot, "its message is a data item, and so was its assignment")
    for what, tabm in (("assignment", whole), ("message", message)):
        signed = signed_of(tabm)
        if not signed:
            raise _not_verifiable(slot, f"nobody has signed the {what}")
        for id_text, commitment in signed.items():
            if signature_of(commitment).id_text != id_text:
                raise _not_verifiable(slot, f"the {what} carries another one's signature")
    return message


def _not_verifiable(slot: int, reason: str) -> NotVerifiableError:
    return NotVerifiableError(
        f"slot {slot} cannot be verified from a page of HTTP messages: {reason}; follow a "
        "node that serves the schedule in CBOR or JSON, or legacy pages"
    )


def _number(tabm: Tabm, name: str) -> int:
    text = _text(tabm, name)
    if not _NUMBER.fullmatch(text):
        raise bad_page(f"{name} is no number")
    return check_slot(int(text))


def _text(tabm: Tabm, name: str) -> str:
    value = tabm.get(name)
    if not isinstance(value, bytes):
        raise bad_page(f"{name} is missing, or no text")
    return value.decode("utf-8", "replace")
