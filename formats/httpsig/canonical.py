"""The one form of a message that is kept: what its signer signed, and nothing else.

One signature can travel in many forms: with headers that nobody signed, with the keyed hash or
without, under another name. They are one message with one id, so they become the same bytes.
"""

from __future__ import annotations

from seriatim.formats.errors import BadSignatureError, MalformedError
from seriatim.formats.httpsig.base import component_names, unqualified
from seriatim.formats.httpsig.commitments import Fields, filled, signed_of, with_hash
from seriatim.formats.httpsig.placement import (
    BODY_KEYS,
    CONTENT_TYPE,
    DIGEST,
    IDS,
    INLINE_KEY,
    NOT_PLACED,
    inline_key,
    is_in_body,
    place,
)
from seriatim.formats.httpsig.signature import ALG_RSA, DEVICE, Signature, signature_of
from seriatim.formats.tabm.model import Tabm, is_id, public


def canonical(tabm: Tabm) -> Fields:
    """Return what the one signature of *tabm* covers, with that signature; it is not verified.

    A message that nobody signed comes back whole, without commitments.

    Raises:
        MalformedError: several signatures, or one that this module does not read, code
            ``bad_commitments``; a component that is not there, ``bad_signature_input``.
        BadSignatureError: the message says more than what is signed in the same place.
        LimitExceededError: nested too deep.
    """
    # A map that holds nothing has no place: with it or without, the signature is the same.
    fields = filled({key: value for key, value in public(tabm).items() if key not in NOT_PLACED})
    signed = signed_of(tabm)
    if not signed:
        return fields
    if len(signed) > 1:
        # Each of them alone would be the same message under another id.
        raise MalformedError(
            "the message has several signatures; send it with one", code="bad_commitments"
        )
    (commitment,) = signed.values()
    if (commitment.get("commitment-device"), commitment.get("alg")) != (
        DEVICE.encode(),
        ALG_RSA.encode(),
    ):
        raise MalformedError(
            f"the message is not signed by {DEVICE} with {ALG_RSA}", code="bad_commitments"
        )
    return _with_signature(fields, signature_of(commitment))


def _with_signature(fields: Fields, signature: Signature) -> Fields:
    names = {unqualified(identifier) for identifier in signature.identifiers}
    inline = inline_key(fields)
    kept = _without_derived(
        {
            key: value
            for key, value in fields.items()
            if (DIGEST if is_in_body(key, value, inline) else IDS if is_id(key) else key) in names
        }
    )
    headers = place(kept).headers
    said = set(component_names(headers))
    unsigned = said - names
    if CONTENT_TYPE not in kept:
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
    return with_hash(kept, headers, {signature.id_text: signature.to_commitment()})


def _without_derived(fields: Fields) -> Fields:
    """Return *fields* without what is made anew whenever they are placed."""
    said = {CONTENT_TYPE, INLINE_KEY} & fields.keys()
    rest = {key: each for key, each in fields.items() if key not in {BODY_KEYS, DIGEST, *said}}
    made = place(rest).headers if said else {}
    return rest | {key: fields[key] for key in said if made.get(key) != fields[key]}
