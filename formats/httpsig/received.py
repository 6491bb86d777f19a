"""HTTP messages as they come: what they hold, and who says to have signed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seriatim.formats.httpsig.base import check_components
from seriatim.formats.httpsig.commitments import Fields, with_signatures
from seriatim.formats.httpsig.placement import (
    SIGNATURE,
    SIGNATURE_INPUT,
    HttpMessage,
    check_digest,
    gather,
    header_names,
    place,
)
from seriatim.formats.httpsig.signature import Signature, read_signatures
from seriatim.formats.tabm.model import bad_commitments


class Received(NamedTuple):
    """A message that nobody has checked.

    Attributes:
        fields: what it holds, without the signatures of its headers.
        signatures: those, by their own names.
    """

    fields: Fields
    signatures: Mapping[str, Signature] = {}  # never changed

    @property
    def by_id(self) -> dict[str, Signature]:
        """The signatures by the ids of their commitments."""
        return {signature.id_text: signature for signature in self.signatures.values()}

    @property
    def tabm(self) -> Fields:
        """The whole message, with a commitment for each signature and their keyed hash."""
        if not self.signatures:
            return self.fields
        signed = {
            signature.id_text: signature.to_commitment(name)
            for name, signature in self.signatures.items()
        }
        return with_signatures(self.fields, place(self.fields).headers, signed)


def receive(message: HttpMessage) -> Received:
    """Return *message* with its signatures read.

    Raises:
        MalformedError: its body is not what its digest says, or its signatures cannot be read,
            or the first one covers what is not in it (code ``bad_signature_input``).
        LimitExceededError: see `gather`.
    """
    check_digest(message)
    fields = gather(message)
    signatures = fields.pop(SIGNATURE, b"")
    inputs = fields.pop(SIGNATURE_INPUT, b"")
    if not isinstance(signatures, bytes) or not isinstance(inputs, bytes):
        raise bad_commitments("its headers are maps")
    if not signatures:
        return Received(fields)
    received = Received(fields, read_signatures(signatures, inputs))
    if by_id := received.by_id:
        check_components(header_names(fields), by_id[min(by_id)].identifiers)
    return received
