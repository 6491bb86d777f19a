"""What both APIs have in common, as checks see it: spawn, send, and read a schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, NamedTuple

from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.conform.claim import member
from seriatim.gateway.conform.kind import Kind
from seriatim.gateway.conform.talk.conversation import Conversation
from seriatim.gateway.conform.talk.exchange import Reply, Request
from seriatim.gateway.conform.talk.keys import Keys, Signed, Signing

MODULE_PLACEHOLDER: Final = "A" * 43
"""The Module tag of every spawn: nobody computes these processes."""


class Sent(NamedTuple):
    """A message that the node has taken.

    Attributes:
        message: the message.
        slot: the slot that the node told; ``None`` where its API tells none.
    """

    message: Signed
    slot: int | None

    @property
    def id(self) -> str:
        """The message's id as text."""
        return self.message.id


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
        keys: signs.
        address: of the node's wallet, as text.
        spawn_tags: what its spawns say beyond what all spawns do.
        signs_with: a way to sign that the node takes.
    """

    kind: ClassVar[Kind]
    variant: ClassVar[Variant]
    spawn_tags: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self, talk: Conversation, keys: Keys, address: str) -> None:
        """Take the parts; nothing is sent."""
        self.talk = talk
        self.keys = keys
        self.address = address
        self.signs_with = Signing(WalletKind.SECP256K1)

    def new_spawn(self, signing: Signing | None = None) -> Signed:
        """Return the spawn of a new process that names this node."""
        tags = [
            *self.spawn_tags,
            ("Data-Protocol", "ao"),
            ("Variant", self.variant.tag),
            ("Type", "Process"),
            ("Module", MODULE_PLACEHOLDER),
            ("Scheduler", self.address),
        ]
        return self.keys.sign(signing or self.signs_with, tags, data="conformance")

    def new_message(
        self,
        process: str,
        *,
        data: str = "",
        tags: Iterable[tuple[str, str]] = (),
        signing: Signing | None = None,
    ) -> Signed:
        """Return a new message for *process*."""
        own = [("Data-Protocol", "ao"), ("Variant", self.variant.tag), ("Type", "Message")]
        signing = signing or self.signs_with
        return self.keys.sign(signing, [*own, *tags], process=process, data=data)

    def spawn(self, signing: Signing | None = None) -> Sent:
        """Start a process, and return its spawn.

        Raises:
            ClaimBrokenError: the node does not take it.
        """
        message = self.new_spawn(signing)
        return self.accepted(message, self.post(message))

    def send(self, process: str, **content: Any) -> Sent:
        """Send a new message to *process*; *content* as for `new_message`.

        Raises:
            ClaimBrokenError: the node does not take it.
        """
        message = self.new_message(process, **content)
        return self.accepted(message, self.post(message))

    def post(self, message: Signed) -> Reply:
        """Send *message*, and return whatever comes."""
        return self.talk.send(self.posting(message))

    def get(self, target: str, **headers: str) -> Reply:
        """Return the reply to a GET of *target*."""
        return self.talk.send(Request("GET", target, headers))

    @abstractmethod
    def posting(self, message: Signed) -> Request:
        """Return the request that hands in *message*."""

    @abstractmethod
    def posting_item(self, raw: bytes) -> Request:
        """Return the request that hands in *raw*, an item or what is none."""

    @abstractmethod
    def accepted(self, message: Signed, reply: Reply) -> Sent:
        """Return what *reply* says about *message*, which has to be taken.

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
