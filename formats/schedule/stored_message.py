"""A message in the form in which a record holds it: what it submits, and whether it is sound.

The one place that tells the kinds of message apart; a reference has no bytes and is none of them.
"""

from __future__ import annotations

from typing import NamedTuple

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.errors import MalformedError
from seriatim.formats.httpsig.canonical import keep
from seriatim.formats.httpsig.commitments import signer_of
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.submission import (
    Submission,
    submit_item,
    submit_tabm,
    submit_unsigned,
)
from seriatim.formats.tabm.cbor import decode_cbor


class StoredMessage(NamedTuple):
    """The bytes of a message, and what they are.

    Attributes:
        kind: any but a reference.
        raw: as in a record.
    """

    kind: Kind
    raw: bytes

    def submission(self, *, process: bytes) -> Submission:
        """Return the submission that the message makes to *process*.

        Raises:
            FormatError: the bytes cannot be read, or are for another process; see `submit_item`.
        """
        if self.kind is Kind.ITEM:
            return submit_item(DataItem.decode(self.raw), process=process)
        if self.kind is Kind.TABM:
            return submit_tabm(decode_cbor(self.raw), process=process)
        return submit_unsigned(CborCodec().decode(self.raw), process=process)

    @property
    def signer(self) -> bytes | None:
        """The address of who signed it, 32 raw bytes; ``None`` for nobody. Not checked."""
        if self.kind is Kind.ITEM:
            return DataItem.decode(self.raw).address
        return signer_of(decode_cbor(self.raw)) if self.kind is Kind.TABM else None

    def verify(self) -> None:
        """Check that whoever signed the message has signed all of it.

        Raises:
            CommitmentError: the signature does not hold.
            MalformedError: the bytes cannot be read, or hold what nobody signed beside what
                somebody did; code ``bad_commitments``.
        """
        if self.kind is Kind.ITEM:
            DataItem.decode(self.raw).verify()
        elif self.kind is Kind.TABM:
            tabm = decode_cbor(self.raw)
            kept = keep(tabm)
            if kept.tabm != tabm:
                raise MalformedError("the message is not what was signed", code="bad_commitments")
            kept.verify()
