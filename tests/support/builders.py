"""Builders of what clients send: spawns and messages, signed with the wallets of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import Submission, submit_item, submit_unsigned
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet
from tests.support.strategies import known_wallet

NO_TAGS: Mapping[str, str] = MappingProxyType({})

CLIENT = WalletKind.ED25519
NODE = WalletKind.SECP256K1
"""Not the client's kind: what the node has signed is told apart from what it was sent."""


def make_tags(pairs: Mapping[str, str]) -> list[Tag]:
    """Return *pairs* as tags, in their order."""
    return [Tag(name.encode(), value.encode()) for name, value in pairs.items()]


def spawn_item(
    variant: Variant | None,
    name: str = "",
    *,
    wallet: Wallet | None = None,
    tags: Mapping[str, str] = NO_TAGS,
) -> DataItem:
    """Return the spawn of a process; *name* tells two of them apart."""
    pairs = {"Data-Protocol": "ao", "Type": "Process", "Name": name, **tags}
    if variant is not None:
        pairs["Variant"] = variant.tag
    return sign_item(
        wallet or known_wallet(CLIENT), target=b"", anchor=b"", tags=make_tags(pairs), data=b""
    )


def message_item(
    process: bytes,
    data: bytes | str,
    *,
    wallet: Wallet | None = None,
    tags: Mapping[str, str] = NO_TAGS,
) -> DataItem:
    """Return a message for *process*."""
    pairs = {"Data-Protocol": "ao", "Type": "Message", **tags}
    return sign_item(
        wallet or known_wallet(CLIENT),
        target=process,
        anchor=b"",
        tags=make_tags(pairs),
        data=data.encode() if isinstance(data, str) else data,
    )


def spawn(variant: Variant | None, name: str = "") -> Submission:
    """Return the submission of `spawn_item`."""
    return submit_item(spawn_item(variant, name))


def message(process: bytes, data: bytes | str) -> Submission:
    """Return the submission of `message_item`."""
    return submit_item(message_item(process, data))


def messages(process: bytes, count: int, prefix: str = "") -> Sequence[Submission]:
    """Return *count* different messages for *process*."""
    return [message(process, f"{prefix}{number}") for number in range(count)]


def unsigned(process: bytes, data: str) -> Submission:
    """Return an unsigned message for *process*."""
    return submit_unsigned(Message({"data": data}), process=process)
