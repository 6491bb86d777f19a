"""What a device answers, before a reply format makes bytes of it.

Every answer can be looked into, key by key: that is how a path goes on after a device's key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm
from seriatim.formats.tabm.structured import Rich, from_tabm
from seriatim.formats.wire.receipt import Receipt
from seriatim.formats.wire.schedule import page_fields
from seriatim.formats.wire.stored import StoredAssignment

# One slot has one spelling, as one process has.
_SLOT: Final = re.compile("0|[1-9][0-9]{0,18}")
_INTEGERS: Final = frozenset({"block-height", "block-timestamp", "slot", "timestamp"})


class Answer(Protocol):
    """Anything that a device answers."""

    def look_up(self, key: str) -> Answer:
        """Return what the answer says under *key*.

        Raises:
            NotFoundError: nothing.
        """


@dataclass(frozen=True, slots=True)
class Literal:
    """One value, such as the last slot; the reply's body is the value itself.

    Attributes:
        value: the value.
        is_fixed: whether it will be the same at any later time.
        status: of the reply; HyperBEAM says some errors in a sentence.
    """

    value: Rich
    is_fixed: bool = True
    status: int = HTTPStatus.OK

    def look_up(self, key: str) -> Answer:
        """Return a member of a map, or of a list, which counts from 1."""
        value = self.value
        if isinstance(value, Mapping) and key in value:
            return Literal(value[key], self.is_fixed)
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            position = int(key) if key.isdecimal() else 0
            if 1 <= position <= len(value):
                return Literal(value[position - 1], self.is_fixed)
        raise missing(key)


@dataclass(frozen=True, slots=True)
class Fields:
    """A message that nobody signs in this answer.

    Attributes:
        fields: what it says.
        is_fixed: whether it will be the same at any later time.
        is_ours: whether the node chose the names: those of others are never names of headers.
    """

    fields: Mapping[str, Rich]
    is_fixed: bool = True
    is_ours: bool = True

    def look_up(self, key: str) -> Answer:
        """Return one of its values."""
        return Literal(self.fields, self.is_fixed).look_up(key)


@dataclass(frozen=True, slots=True)
class Promised(Fields):
    """What is said of a message that was taken, and whose assignment is not at hand.

    Attributes:
        kind: the form in which the message came.
        via: the node that has heard it from another one, as `reply_other` names it; empty for what
            this node says itself.
    """

    kind: Kind = Kind.ITEM
    via: str = ""


@dataclass(frozen=True, slots=True)
class Computed(Fields):
    """What a process has computed; a path goes on into its state.

    Attributes:
        state: the state, where it is a map.
    """

    state: Mapping[str, Rich] = field(default_factory=dict)

    def look_up(self, key: str) -> Answer:
        """Return one of its values, or one of the state's."""
        found = self.fields if key in self.fields else self.state
        return Literal(found, self.is_fixed).look_up(key)


@dataclass(frozen=True, slots=True)
class Carried:
    """A signed message that somebody else made, under the key ``body``."""

    message: Tabm

    def look_up(self, key: str) -> Answer:
        """Return what it says, under ``body``."""
        if key != "body":
            raise missing(key)
        said = {key: each for key, each in self.message.items() if key != COMMITMENTS_KEY}
        return Fields(from_tabm(said), is_ours=False)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment with its message, as it is on disk."""

    node: Node
    stored: StoredAssignment

    def look_up(self, key: str) -> Answer:
        """Return its message (``body``), or one of the values that its signature covers."""
        if key == "body":
            return Fields({**self.stored.fields}, is_ours=False)
        text = self.stored.said(key)
        if not text:
            raise missing(key)
        is_integer = key in _INTEGERS and _SLOT.fullmatch(text)
        return Literal(int(text) if is_integer else text)


class Placed(NamedTuple):
    """The answer to a message that was sent: the assignment that it has."""

    node: Node
    submission: Submission
    receipt: Receipt

    @property
    def stored(self) -> StoredAssignment:
        """The assignment as it is on disk."""
        receipt = self.receipt
        record = Record(
            receipt.variant,
            self.submission.kind,
            receipt.timestamp_ms,
            receipt.message_id,
            receipt.assignment_id,
            receipt.hash_chain,
            self.submission.message,
            receipt.assignment,
        )
        return StoredAssignment(receipt.process, receipt.slot, record)

    def look_up(self, key: str) -> Answer:
        """Return what the assignment says."""
        return Assignment(self.node, self.stored).look_up(key)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a schedule.

    Attributes:
        node: where it is read from, as it is sent.
        process: process id, 32 raw bytes.
        variant: the kind of its assignments.
        first: its first slot.
        last: its last slot; before *first* for none.
        continues: whether slots that were asked for are left.
        block: the newest known block.
    """

    node: Node
    process: bytes
    variant: Variant
    first: int
    last: int
    continues: bool
    block: Block

    def look_up(self, key: str) -> Answer:
        """Return the assignments, by slot, or what it says beside them."""
        if key == "assignments":
            return _Assignments(self)
        said = page_fields(self.process, self.block, continues=self.continues)
        return Fields(said, is_fixed=False).look_up(key)


@dataclass(frozen=True, slots=True)
class _Assignments:
    page: Page

    def look_up(self, key: str) -> Answer:
        page = self.page
        if not _SLOT.fullmatch(key) or not page.first <= int(key) <= page.last:
            raise missing(key)
        return Assignment(page.node, page.node.stored(page.process, int(key)))


def missing(key: str) -> NotFoundError:
    """Return the error of a *key* that is not there."""
    return NotFoundError(f"there is no key {key[:64]!r} here")
