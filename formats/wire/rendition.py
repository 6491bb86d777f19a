"""Any stored assignment as the HTTP message that HyperBEAM's readers expect.

What was placed as an HTTP message is one. Any other signed assignment is signed once more in this
form, and that *rendition* is stored (``actors/renditions.py``): a data item's own signature is 512
raw bytes, and one in 128 has a line break in it, which no part of a body can have. Where a message
has no place within another one, or none as a TABM, ``body+link`` names it by its id.
"""

from __future__ import annotations

from typing import Final

from seriatim.formats.errors import FormatError, UnsupportedError
from seriatim.formats.httpsig.commitments import Fields, check_placeable, sign
from seriatim.formats.ids import ID_BYTES, b64url_decode, encode_id
from seriatim.formats.schedule.assignment import Block, placed_as
from seriatim.formats.schedule.http_assignment import BODY, http_assignment_fields, without_body
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm.ans104.fields import ANCHOR, TARGET
from seriatim.formats.tabm.ans104.items import from_item
from seriatim.formats.tabm.cbor import encode_cbor, load_cbor
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import Rich, to_tabm
from seriatim.formats.wire.stored import StoredAssignment

BODY_LINK: Final = "body+link"


def needs_rendition(stored: StoredAssignment) -> bool:
    """Tell whether the assignment has to be signed in this form before it can be read in it."""
    return stored.record.variant.signed and stored.tabm is None


def sign_rendition(stored: StoredAssignment, wallet: RsaWallet) -> bytes:
    """Return the rendition of an assignment that needs one, as it is stored."""
    message = _message(stored)
    signed = sign({**_said(stored, message), **_carried(stored, message)}, wallet)
    return encode_cbor(without_body(signed))


def whole_assignment(stored: StoredAssignment, rendition: bytes | None) -> Fields:
    """Return the assignment with its message.

    Args:
        stored: the assignment.
        rendition: what `sign_rendition` made of it, where it needs one.
    """
    if stored.http_assignment is not None and stored.tabm is not None:
        return {**stored.http_assignment, BODY: stored.tabm}
    if rendition is not None:
        # It says itself whether the message had a place in it; that is not found out again.
        signed = load_cbor(rendition)
        return signed if BODY_LINK in signed else {**signed, **_carried(stored, _tabm(stored))}
    message = _message(stored)
    return {**_said(stored, message), **_carried(stored, message)}


def _message(stored: StoredAssignment) -> Tabm | None:
    """Return the message as a TABM, ``None`` where it has no place as one in its assignment."""
    try:
        message = _tabm(stored)
        if message is not None and stored.tabm is None:
            check_placeable({**_said(stored, message), BODY: message})
    except (FormatError, UnsupportedError):
        return None
    return message


def _tabm(stored: StoredAssignment) -> Tabm | None:
    """Return the message as a TABM, ``None`` for a reference.

    Raises:
        FormatError, UnsupportedError: it cannot be said as one.
    """
    if stored.item is not None:
        return _with_text_ids(from_item(stored.item))
    if stored.unsigned is not None:
        return to_tabm(_rich(stored))
    return stored.tabm


def _with_text_ids(item: Fields) -> Fields:
    """Return *item* with its target and anchor as text, and without those that it has not.

    It is the same item, and what its sender would say; raw bytes have no place in every header.
    """
    texts: Fields = {}
    for name in (TARGET, ANCHOR):
        raw = item[name]
        if isinstance(raw, bytes) and len(raw) == ID_BYTES:
            texts[name] = encode_id(raw).encode()
    kept = {key: value for key, value in item.items() if value or key not in (TARGET, ANCHOR)}
    return {**kept, **texts}


def _rich(stored: StoredAssignment) -> dict[str, Rich]:
    return dict(stored.fields.items())


def _carried(stored: StoredAssignment, message: Tabm | None) -> Fields:
    if message is None:
        return {BODY_LINK: encode_id(stored.record.message_id).encode()}
    return {BODY: message}


def _said(stored: StoredAssignment, message: Tabm | None) -> Fields:
    block = Block(
        int(stored.said("block-height") or 0),
        b64url_decode(stored.said("block-hash")) or Block().hash,
        int(stored.said("block-timestamp") or 0),
    )
    draft = placed_as(stored.process, stored.slot, stored.record, block)
    return http_assignment_fields(draft, stored.record.hash_chain, message or {})
