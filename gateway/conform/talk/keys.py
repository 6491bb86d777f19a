"""What a run signs with: throw-away keys, and items that nobody has sent before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.ids import decode_id
from seriatim.formats.signing.scheme import WalletKind
from seriatim.formats.signing.wallet import Wallet, generate

MODULE_PLACEHOLDER: Final = "A" * 43
"""The Module tag of every spawn: nobody computes these processes."""

Pairs = Iterable[tuple[str, str]]


class Keys:
    """New keys of every kind, each made when it is first used, and a number for each item.

    The keys make the ids of one run differ from those of any other, the number those of a run.
    """

    def __init__(self) -> None:
        self._wallets: dict[WalletKind, Wallet] = {}
        self._signed = 0

    def spawn(self, kind: WalletKind, *, variant: str, scheduler: str) -> DataItem:
        """Return the spawn of a new process under *scheduler*, an address as text."""
        tags = [
            ("Data-Protocol", "ao"),
            ("Variant", variant),
            ("Type", "Process"),
            ("Module", MODULE_PLACEHOLDER),
            ("Scheduler", scheduler),
        ]
        return self._sign(kind, tags, target=b"", data="conformance")

    def message(
        self, kind: WalletKind, process: str, *, variant: str, tags: Pairs = (), data: str = ""
    ) -> DataItem:
        """Return a new message for *process*, an id as text."""
        own = [("Data-Protocol", "ao"), ("Variant", variant), ("Type", "Message")]
        return self._sign(kind, [*own, *tags], target=decode_id(process), data=data)

    def bare(self, kind: WalletKind, process: str, tags: Pairs) -> DataItem:
        """Return a new item for *process* with *tags* only."""
        return self._sign(kind, tags, target=decode_id(process), data="")

    def _sign(self, kind: WalletKind, tags: Pairs, *, target: bytes, data: str) -> DataItem:
        if kind not in self._wallets:
            self._wallets[kind] = generate(kind)
        self._signed += 1
        numbered = [*tags, ("Number", str(self._signed))]
        return sign_item(
            self._wallets[kind],
            target=target,
            tags=[Tag(name.encode(), value.encode()) for name, value in numbered],
            data=data.encode(),
        )
