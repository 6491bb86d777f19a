"""Sealing: giving a placed message its chain value, its signature and its stored form."""

from __future__ import annotations

from typing import NamedTuple

from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import RefusedError
from seriatim.formats.ids import decode_id
from seriatim.formats.schedule.assignment import (
    Draft,
    Link,
    hyperbeam_tags,
    legacy_tags,
)
from seriatim.formats.schedule.chain import next_chain
from seriatim.formats.schedule.http_assignment import (
    assignment_id_text,
    sign_http_assignment,
    without_body,
)
from seriatim.formats.schedule.record import NO_ID, Kind, Record
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.tabm.cbor import encode_cbor, load_cbor


class _Signed(NamedTuple):
    """An assignment's id and stored bytes, and its item where it is one."""

    id: bytes = NO_ID
    stored: bytes = b""
    item: DataItem | None = None


def seal(
    draft: Draft, previous: Link, wallet: Wallet | None, *, anchor: bytes
) -> tuple[Record, DataItem | None]:
    """Return *draft* chained to *previous* and, if its variant says so, signed.

    An assignment is signed in the form in which its message came: as an ANS-104 item, which is
    the other half of the pair, or as an HTTP message (``http_assignment.py``).

    Args:
        draft: the placed message.
        previous: the link of the slot before; `FIRST_LINK` for slot 0.
        wallet: the node's wallet; may be ``None`` for variants that are not signed.
        anchor: 32 random bytes, used by ``ao.TN.1``.

    Raises:
        RefusedError: the variant is signed and there is no wallet; code ``no_wallet``.
        UnsupportedSchemeError: the wallet cannot sign in that form.
    """
    chain = next_chain(
        draft.variant,
        process=draft.process,
        previous=previous.hash_chain,
        previous_assignment_id=previous.assignment_id,
        message_id=draft.message_id,
    )
    signed = _Signed()
    if draft.variant.signed:
        if wallet is None:
            raise RefusedError(
                f"{draft.variant.tag} assignments are signed; give the node a wallet",
                code="no_wallet",
            )
        signed = _sign(draft, chain, wallet, anchor)
    record = Record(
        draft.variant,
        draft.kind,
        draft.timestamp_ms,
        draft.message_id,
        signed.id,
        chain,
        draft.message,
        signed.stored,
    )
    return record, signed.item


def _sign(draft: Draft, chain: bytes, wallet: Wallet, anchor: bytes) -> _Signed:
    if draft.kind is Kind.TABM:
        assignment = sign_http_assignment(draft, chain, load_cbor(draft.message), wallet)
        id_text = assignment_id_text(assignment)
        return _Signed(decode_id(id_text), encode_cbor(without_body(assignment)))
    if draft.variant is Variant.LEGACY:
        tags = legacy_tags(draft, chain)
    else:
        tags, anchor = hyperbeam_tags(draft, chain), b""
    item = sign_item(wallet, target=b"", anchor=anchor, tags=tags, data=b"")
    return _Signed(item.id, item.raw, item)
