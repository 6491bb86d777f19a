"""Fields as an item that the node's own wallet signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.message import Value
from seriatim.formats.signing.wallet import Wallet

# Names that ao's clients write in a case of their own.
_TAG_NAMES: Final = {"type": "Type", "variant": "Variant", "scheduler": "Scheduler"}


def sign_fields(
    wallet: Wallet | None, fields: Mapping[str, Value], *, target: bytes = b""
) -> DataItem:
    """Return *fields* as a signed item: ``data`` is its payload, the others are its tags.

    Args:
        wallet: signs it.
        fields: texts; ``data`` may be bytes.
        target: 32 raw bytes, or none.

    Raises:
        RefusedError: there is no wallet; code ``no_wallet``.
        MalformedError: a field is no text; code ``bad_value``.
        LimitExceededError: see `sign_item`.
    """
    if wallet is None:
        raise RefusedError(
            "what is for a signed variant needs the node's wallet: open(path, wallet=…)",
            code="no_wallet",
        )
    tags = [Tag(b"Data-Protocol", b"ao")]
    payload = b""
    for name, value in fields.items():
        if name == "data" and isinstance(value, bytes):
            payload = value
        elif not isinstance(value, str):
            raise MalformedError(f"{name} of an item must be text", code="bad_value")
        elif name == "data":
            payload = value.encode()
        else:
            tags.append(Tag(_TAG_NAMES.get(name, name).encode(), value.encode()))
    return sign_item(wallet, target=target, tags=tags, data=payload)
