"""Reading pages: what another node serves, back to the exact bytes that were signed.

The inverse of the shapes in this room, a reader per shape. What a reader returns is well formed
and says what the page says, no more: signatures and chain are the audit's, which trusts nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import orjson

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import MalformedError, NotVerifiableError, SchedulerError
from seriatim.formats.limits import JSON_INTEGER_MAX, PAGE_DEPTH_MAX
from seriatim.formats.schedule.record import Record


class PageEntry(NamedTuple):
    """One slot of a page, read as far as to tell which one it is.

    Attributes:
        slot: the slot that the page gives it; proven only together with the record.
        plain: the entry itself, parsed.
        is_binary: whether it holds bytes, as no JSON does.
    """

    slot: int
    plain: dict[str, Any]
    is_binary: bool = False

    @property
    def raw(self) -> bytes:
        """What a third person gets to see: JSON with sorted keys, or deterministic CBOR."""
        if self.is_binary:
            return dump_plain(self.plain)
        return orjson.dumps(self.plain, option=orjson.OPT_SORT_KEYS)


class PageReader(Protocol):
    """Reads the pages of one shape."""

    def entries(self, raw: bytes) -> Sequence[PageEntry]:
        """Return what the page *raw* holds, sorted by slot; a slot may be missing.

        Raises:
            MalformedError: not a page of this shape; code ``bad_page`` or ``bad_json``.
            LimitExceededError: nested too deep.
            NotVerifiableError: a page of a shape that nobody can verify.
        """

    def record(self, process: bytes, entry: PageEntry) -> Record:
        """Return the record that *entry* was made from, its items rebuilt byte for byte.

        Raises:
            NotVerifiableError: the page leaves out what was signed.
            SchedulerError: it cannot be rebuilt, or the page says something else beside it.
        """


def parse_page(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a page is.

    Raises:
        MalformedError: not JSON (code ``bad_json``) or not an object (code ``bad_page``).
        LimitExceededError: deeper than ``PAGE_DEPTH_MAX``.
    """
    plain = parse_json(raw, depth_max=PAGE_DEPTH_MAX)
    if not isinstance(plain, dict):
        raise bad_page("a page is a JSON object")
    return plain


def check_is_not_aos2(node: object) -> None:
    """Refuse a page of ``application/aos-2``, told by a *node* of one of its edges.

    Raises:
        NotVerifiableError: it is one.
    """
    message = node.get("assignment") if isinstance(node, dict) else None
    if isinstance(message, dict) and "Tags" in message:
        raise NotVerifiableError(
            "an aos-2 page carries neither public keys nor raw bytes, so nobody can verify it; "
            "follow a node that serves legacy pages or the JSON schedule"
        )


def check_slot(slot: object) -> int:
    """Return *slot*, which has to be an integer that a slot can be.

    Raises:
        MalformedError: it is none; code ``bad_page``.
    """
    if type(slot) is not int or not 0 <= slot <= JSON_INTEGER_MAX:
        raise bad_page(f"{str(slot)[:32]!r} is no slot")
    return slot


def sort_entries(entries: Sequence[PageEntry]) -> Sequence[PageEntry]:
    """Return *entries* by slot.

    Raises:
        MalformedError: a slot is there twice; code ``bad_page``.
    """
    ordered = sorted(entries, key=lambda entry: entry.slot)
    for before, entry in pairwise(ordered):
        if before.slot == entry.slot:
            raise bad_page(f"slot {entry.slot} is there twice")
    return ordered


def check_says(shown: object, proven: object, *, slot: int) -> None:
    """Return when what a page shows of a slot is what its rebuilt record would show.

    Fields that only the page has are left alone: a later node may say more.

    Raises:
        MalformedError: the page says something else; code ``bad_page``, with the field's name.
    """
    if isinstance(shown, dict) and isinstance(proven, dict):
        for name, value in proven.items():
            if name not in shown or shown[name] != value:
                raise bad_page(f"slot {slot}: {name} is not what the signed items say")
    elif shown != proven:
        raise bad_page(f"slot {slot} is not what the signed items say")


def text_of(plain: object, name: str) -> str:
    """Return the text that the object *plain* has under *name*.

    Raises:
        MalformedError: it has none; code ``bad_page``.
    """
    value = plain.get(name) if isinstance(plain, dict) else None
    if not isinstance(value, str):
        raise bad_page(f"{name} is missing, or no text")
    return value


def bad_page(reason: str) -> SchedulerError:
    """Return the error for a page of the wrong shape."""
    return MalformedError(reason, code="bad_page")
