"""Where a follower reads: another node, seen through one of its page formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seriatim.formats.schedule.record import Record
from seriatim.formats.wire.page import PageEntry


class Source(Protocol):
    """One process at one node. What it says is a stranger's word until it is verified.

    Attributes:
        url: the node, as its operator or ours has named it.
        shape: which pages are read, such as ``legacy``.
    """

    url: str
    shape: str

    async def last(self) -> int:
        """Return the last slot that the node has.

        Raises:
            UnavailableError: the node is away.
            NotFoundError: it does not know the process.
            RefusedError: it does not give it.
            FormatError: what it answers is no answer.
        """

    async def page(self, first: int, count: int) -> Sequence[PageEntry]:
        """Return up to *count* entries from slot *first* on, sorted, as the node gives them.

        Fewer where it has or sends no more; some may be missing in between.

        Raises:
            LimitExceededError: so many do not fit into one reply.
            UnavailableError, NotFoundError, RefusedError, FormatError: as for `last`.
            NotVerifiableError: the node's pages cannot be verified.
        """

    async def arrival(self, slot: int) -> Sequence[PageEntry] | None:
        """Wait at the node for *slot*, the one after its last; return it, or nothing in time.

        Returns:
            ``None``, at once, where the node does not wait: ask again later.

        Raises:
            LimitExceededError, UnavailableError, NotFoundError, RefusedError, FormatError: as
                for `page`.
        """

    def record(self, entry: PageEntry) -> Record:
        """Return the record of *entry*; see `PageReader.record`."""
