"""What a run signs with: throw-away keys, and messages that nobody has sent before."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.httpsig.commitments import Fields, message_id, sign
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import RsaWallet, Wallet, generate

Pairs = Iterable[tuple[str, str]]


class Form(StrEnum):
    """What a signature is over."""

    ITEM = "item"
    """An ANS-104 data item."""
    HTTP = "http"
    """An HTTP message, as HyperBEAM signs; by an RSA key only."""


class Signing(NamedTuple):
    """How a message is signed."""

    kind: WalletKind
    form: Form = Form.ITEM


class Signed(NamedTuple):
    """A signed message.

    Attributes:
        id: its id, as text.
        process: the process that it is for, as text; the one that it starts, for a spawn.
        content: the message, in the form in which it is signed.
    """

    id: str
    process: str
    content: DataItem | Fields

    @property
    def item(self) -> DataItem:
        """The data item, of a message that is signed as one."""
        assert isinstance(self.content, DataItem), "checks of items sign items"
        return self.content


class Keys:
    """New keys of every kind, each made when it is first used, and a number for each message.

    The keys make the ids of one run differ from those of any other, the number those of a run.
    """

    def __init__(self) -> None:
        self._wallets: dict[WalletKind, Wallet] = {}
        self._signed = 0

    def sign(self, signing: Signing, tags: Pairs, *, process: str = "", data: str = "") -> Signed:
        """Return a new message with *tags*, for *process*, or without one a spawn.

        Raises:
            MalformedError: HTTP messages cannot say that; code ``not_placeable``.
        """
        self._signed += 1
        numbered = [*tags, ("Number", str(self._signed))]
        content: DataItem | Fields
        if signing.form is Form.ITEM:
            content = self._sign_item(self._wallet(signing.kind), numbered, process, data)
            own = encode_id(content.id)
        else:
            content = self._sign_http(numbered, process, data)
            own = message_id(content)
        return Signed(own, process or own, content)

    def _wallet(self, kind: WalletKind) -> Wallet:
        if kind not in self._wallets:
            self._wallets[kind] = generate(kind)
        return self._wallets[kind]

    def _sign_item(self, wallet: Wallet, tags: Pairs, process: str, data: str) -> DataItem:
        return sign_item(
            wallet,
            target=decode_id(process) if process else b"",
            tags=[Tag(name.encode(), value.encode()) for name, value in tags],
            data=data.encode(),
        )

    def _sign_http(self, tags: Pairs, process: str, data: str) -> Fields:
        wallet = self._wallet(WalletKind.RSA)
        assert isinstance(wallet, RsaWallet)
        said = {**{name.lower(): value for name, value in tags}, "target": process, "data": data}
        return sign({name: value.encode() for name, value in said.items() if value}, wallet)
