"""The one form of a message that is kept: what its signer signed, and nothing else.

One signature can travel in many forms: with headers that nobody signed, with the keyed hash or
without, under another name. They are one message with one id, so they become the same bytes.
"""

from __future__ import annotations

from functools import cached_property

from seriatim.formats.errors import BadSignatureError, MalformedError
from seriatim.formats.httpsig.base import component_names, unqualified
from seriatim.formats.httpsig.commitments import (
    Fields,
    check_placed,
    check_signature,
    filled,
    signed_of,
    with_signature,
)
from seriatim.formats.httpsig.placement import (
    BODY_KEYS,
    CONTENT_TYPE,
    DIGEST,
    IDS,
    INLINE_KEY,
    HttpMessage,
    inline_key,
    is_in_body,
    lay_out,
    place_fields,
    placed_fields,
)
from seriatim.formats.httpsig.received import Received
from seriatim.formats.httpsig.signature import ALG_RSA, DEVICE, Signature, signature_of
from seriatim.formats.tabm.model import Tabm, is_id


class Kept:
    """A message in its canonical form.

    Attributes:
        fields: what its signature covers, or all of it where nobody signed it.
        signature: the signature, ``None`` for none.
    """

    def __init__(self, fields: Fields, signature: Signature | None = None) -> None:
        """Take `placed_fields` that hold no empty maps."""
        self.fields = fields
        self.signature = signature

    @cached_property
    def placed(self) -> HttpMessage:
        """The fields as headers and a body."""
        return place_fields(self.fields)

    @property
    def tabm(self) -> Fields:
        """The whole message, with its signature and the keyed hash."""
        if self.signature is None:
            return self.fields
        return with_signature(self.fields, self.placed.headers, self.signature)

    def verify(self) -> None:
        """Check the signature, and that no other message has the same place.

        Raises:
            BadSignatureError: it does not hold.
            MalformedError: it holds for another message too; code ``not_placeable``.
        """
        check_placed(self.fields, self.placed)
        if self.signature is not None:
            check_signature(self.placed.headers, self.signature)


def canonical(tabm: Tabm) -> Fields:
    """Return what the one signature of *tabm* covers, with that signature; see `keep`."""
    return keep(tabm).tabm


def keep(tabm: Tabm) -> Kept:
    """Return what the one signature of *tabm* covers; it is not verified.

    A message that nobody signed comes back whole, without commitments.

    Raises:
        MalformedError: several signatures, or one that this module does not read, code
            ``bad_commitments``; a component that is not there, ``bad_signature_input``.
        BadSignatureError: the message says more than what is signed in the same place.
        LimitExceededError: nested too deep.
    """
    fields = _placed_and_filled(tabm)
    signed = signed_of(tabm)
    if not signed:
        return Kept(fields)
    if len(signed) > 1:
        raise _several()
    (commitment,) = signed.values()
    if (commitment.get("commitment-device"), commitment.get("alg")) != (
        DEVICE.encode(),
        ALG_RSA.encode(),
    ):
        raise MalformedError(
            f"the message is not signed by {DEVICE} with {ALG_RSA}", code="bad_commitments"
        )
    return _with_signature(fields, signature_of(commitment))


def keep_received(received: Received) -> Kept:
    """Return what the one signature of *received* covers, as `keep` does of its TABM."""
    by_id = received.by_id
    if not by_id:
        return keep(received.fields)
    if len(by_id) > 1:
        raise _several()
    (signature,) = by_id.values()
    return _with_signature(_placed_and_filled(received.fields), signature)


def _placed_and_filled(tabm: Tabm) -> Fields:
    # A map that holds nothing has no place: with it or without, the signature is the same.
    return filled(placed_fields(tabm))


def _with_signature(fields: Fields, signature: Signature) -> Kept:
    names = {unqualified(identifier) for identifier in signature.identifiers}
    inline = inline_key(fields)
    covered = {
        key: value
        for key, value in fields.items()
        if (DIGEST if is_in_body(key, value, inline) else IDS if is_id(key) else key) in names
    }
    kept = Kept(_without_derived(covered), signature)
    said = set(component_names(kept.placed.headers))
    unsigned = said - names
    if CONTENT_TYPE not in kept.fields:
        # Made of the parts, which the digest covers; later versions do not sign it.
        unsigned.discard(CONTENT_TYPE)
    if unsigned:
        raise BadSignatureError(f"{min(unsigned)!r:.64} is not signed, and what is signed needs it")
    if names - said:
        raise MalformedError(
            f"signature-input does not fit the message: component {min(names - said)!r:.64} "
            "is not in it",
            code="bad_signature_input",
        )
    return kept


def _without_derived(fields: Fields) -> Fields:
    """Return *fields* without what is made anew whenever they are placed."""
    said = {CONTENT_TYPE, INLINE_KEY} & fields.keys()
    rest = {key: each for key, each in fields.items() if key not in {BODY_KEYS, DIGEST, *said}}
    made = lay_out(rest).headers if said else {}
    return rest | {key: fields[key] for key in said if made.get(key) != fields[key]}


def _several() -> MalformedError:
    # Each of them alone would be the same message under another id.
    return MalformedError(
        "the message has several signatures; send it with one", code="bad_commitments"
    )
