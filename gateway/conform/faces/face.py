"""What both APIs have in common, as checks see it: spawn, send, and read a schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.conform.claim import member
from seriatim.gateway.conform.kind import Kind
from seriatim.gateway.conform.talk.conversation import Conversation
from seriatim.gateway.conform.talk.exchange import Reply, Request
from seriatim.gateway.conform.talk.keys import Keys


class Sent(NamedTuple):
    """A message that the node has taken.

    Attributes:
        item: the message.
        slot: the slot that the node told; ``None`` where its API tells none.
    """

    item: DataItem
    slot: int | None

    @property
    def id(self) -> str:
        """The message's id as text."""
        return encode_id(self.item.id)


class Entry(NamedTuple):
    """One slot as the API shows it.

    Attributes:
        slot: the slot.
        message_id: of the message in it.
        assignment_id: of the assignment; empty where the API shows none.
        timestamp_ms: the assignment's timestamp.
        hash_chain: as text; empty where the API shows none.
        cursor: as it came.
        plain: the edge's node, ``{"message", "assignment"}``.
    """

    slot: int
    message_id: str
    assignment_id: str
    timestamp_ms: int
    hash_chain: str
    cursor: object
    plain: dict[str, Any]


class Page(NamedTuple):
    """A part of a schedule.

    Attributes:
        entries: its edges, in their order.
        has_next: whether it says that more follows.
    """

    entries: list[Entry]
    has_next: bool


class Face(ABC):
    """One API of one node. Every process in it is new and known to this run only.

    Attributes:
        kind: which API.
        variant: the kind of assignment that its processes ask for.
        talk: the client, which records.
        keys: makes items.
        address: of the node's wallet, as text.
        signs_with: a kind of key whose items the node takes.
    """

    kind: ClassVar[Kind]
    variant: ClassVar[Variant]

    def __init__(self, talk: Conversation, keys: Keys, address: str) -> None:
        """Take the parts; nothing is sent."""
        self.talk = talk
        self.keys = keys
        self.address = address
        self.signs_with = WalletKind.SECP256K1

    def spawn(self, kind: WalletKind | None = None) -> Sent:
        """Start a process, signed by *kind* of key, and return its spawn.

        Raises:
            ClaimBrokenError: the node does not take it.
        """
        item = self.spawn_item(kind)
        return self.accepted(item, self.post(item, encode_id(item.id)))

    def spawn_item(self, kind: WalletKind | None = None) -> DataItem:
        """Return the spawn of a new process that names this node."""
        return self.keys.spawn(
            kind or self.signs_with, variant=self.variant.tag, scheduler=self.address
        )

    def message(
        self,
        process: str,
        *,
        data: str = "",
        tags: Iterable[tuple[str, str]] = (),
        kind: WalletKind | None = None,
    ) -> DataItem:
        """Return a new message for *process*."""
        return self.keys.message(
            kind or self.signs_with, process, variant=self.variant.tag, tags=tags, data=data
        )

    def send(self, process: str, **content: Any) -> Sent:
        """Send a new message to *process*; *content* as for `message`.

        Raises:
            ClaimBrokenError: the node does not take it.
        """
        item = self.message(process, **content)
        return self.accepted(item, self.post(item, process))

    def post(self, item: DataItem, process: str) -> Reply:
        """Send *item* for *process*, and return whatever comes."""
        return self.talk.send(self.posting(item.raw, process))

    def get(self, target: str, **headers: str) -> Reply:
        """Return the reply to a GET of *target*."""
        return self.talk.send(Request("GET", target, headers))

    @abstractmethod
    def posting(self, raw: bytes, process: str) -> Request:
        """Return the request that hands in *raw*, an item, for *process*."""

    @abstractmethod
    def accepted(self, item: DataItem, reply: Reply) -> Sent:
        """Return what *reply* says about *item*, which has to be taken.

        Raises:
            ClaimBrokenError: it is not, or the reply lacks what clients read in it.
        """

    @abstractmethod
    def page(self, process: str, query: str) -> Page:
        """Return the part of the schedule of *process* that *query*, ``name=value&…``, asks for.

        Raises:
            ClaimBrokenError: it is not what clients read.
        """

    @abstractmethod
    def entries(self, process: str) -> list[Entry]:
        """Return the whole schedule of *process*, of at most 1,000 slots, as it is read.

        Raises:
            ClaimBrokenError: it is not what clients read.
        """

    @abstractmethod
    def found(self, process: str, sent: Sent) -> Entry:
        """Return the slot that has *sent*, read by itself.

        Raises:
            ClaimBrokenError: it is not there.
        """

    @abstractmethod
    def head(self, process: str) -> int:
        """Return the last slot of *process*, which has one message at least."""


def read_page(plain: Any, read_edge: Callable[[Any], Entry]) -> Page:
    """Return the page that *plain* is, its edges read by *read_edge*.

    Raises:
        ClaimBrokenError: it is no page.
    """
    edges = [read_edge(edge) for edge in member(plain, "edges", list)]
    return Page(edges, member(member(plain, "page_info", dict), "has_next_page", bool))


def read_tags(plain: Any, name: str) -> dict[str, str]:
    """Return the tags of the list *name* in *plain*; of one name the first.

    Raises:
        ClaimBrokenError: they are no list of tags.
    """
    tags: dict[str, str] = {}
    for tag in member(plain, name, list):
        tags.setdefault(member(tag, "name", str), member(tag, "value", str))
    return tags
