"""The follower: reads what a source has, verifies it, appends it, and waits for more.

One step::

    last slot of the source?
      │ less than ours ──────► behind: compare its last slot with ours, wait
      │ ours ────────────────► at the head: compare from time to time, wait (at the source, where
      │                        it answers when there is more)
      ▼ more
    page ──► rebuild ──► audit, going on from our last slot ──► append, one transaction
      │                    │ does not hold: compare our last slot
      │ a slot is missing  │   same: TAMPERED    differs, signed by the scheduler: FORK
      │ and a later one    ▼                     differs, not signed by it:        REWRITTEN
      │ is there ──────────► GAP
      │ it ends before the slot ──► behind: another replica has answered, wait

To compare is to look at our last slot, and at one more that nobody can foresee.

What is appended has passed every rule of ``seriatim verify``. A finding ends the follower: its
evidence is on disk before anybody hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.errors import (
    DivergedError,
    ForkError,
    GapError,
    LimitExceededError,
    MalformedError,
    RewrittenError,
    SchedulerError,
    TamperedError,
    UnavailableError,
    UnsupportedError,
)
from seriatim.formats.ids import b64url, encode_id
from seriatim.formats.limits import (
    CLIENT_PAGE_SLOTS,
    FOLLOW_COMPARE_REQUESTS,
    FOLLOW_PAUSE_MAX_MS,
    FOLLOW_PAUSE_MIN_MS,
)
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.evidence import Evidence
from seriatim.formats.schedule.variant import Variant

if TYPE_CHECKING:
    from seriatim.actors.follow.copies import Copy
    from seriatim.actors.follow.source import Source
    from seriatim.actors.runtime.clock import Clock
    from seriatim.formats.schedule.record import Record
    from seriatim.formats.wire.page import PageEntry


class News(NamedTuple):
    """What a follower tells whoever watches it.

    Attributes:
        what: ``page`` (appended), ``head`` (nothing more is there now), ``behind`` (the source
            shows fewer slots than the copy has, or than it has said) or ``away`` (it does not
            answer); both are tried again.
        slots: how many slots the copy has.
        reason: why the source is away; empty otherwise.
        wait_ms: how long it waits now.
    """

    what: str
    slots: int
    reason: str = ""
    wait_ms: int = 0


class Follower:
    """Keeps one copy up to date with one source. Belongs to one event loop."""

    def __init__(
        self,
        copy: Copy,
        source: Source,
        *,
        clock: Clock,
        draw: Callable[[int], int],
        tell: Callable[[News], object],
        shares_loop: bool = False,
    ) -> None:
        """Follow *source* into *copy*.

        Args:
            copy: what is stored; what is in it has been verified.
            source: the node to read.
            clock: for pauses.
            draw: returns a number from 0 to below its argument that the source cannot foresee:
                which of the older slots is compared.
            tell: hears `News`.
            shares_loop: whether the event loop has others to answer: signatures, which take
                their time, are checked in a thread then.
        """
        self._copy = copy
        self._source = source
        self._clock = clock
        self._draw = draw
        self._tell = tell
        self._shares_loop = shares_loop
        self._until_compare = 0
        self._audit = Audit(copy.process)
        self._before: Record | None = None  # the last record that has passed
        if copy.slots:
            last = copy.slots - 1
            self._before = copy.record(last)
            self._audit = Audit.resume(copy.process, last, self._before)

    async def run(self, *, once: bool) -> None:
        """Follow until cancelled, or with *once* until the head of now is reached.

        Pauses double while nothing comes; where the source waits, there are none. A source that is
        away is waited for, but with *once*.

        Raises:
            DivergedError: the source serves what cannot be followed; the evidence is on disk.
            SchedulerError: see `Source` and `Copy`.
        """
        pauses = Pauses(self._clock, FOLLOW_PAUSE_MIN_MS, FOLLOW_PAUSE_MAX_MS)
        while True:
            slots = self._copy.slots
            try:
                news = await self._step()
            except (UnavailableError, MalformedError) as error:
                if once:
                    raise
                # What stands before a source may answer for it, and be gone again. Who comes back
                # may be somebody else: look at our last slot first.
                self._until_compare = 0
                news = News("away", self._copy.slots, str(error))
            if self._copy.slots > slots:
                pauses.restart()
            self._tell(news._replace(wait_ms=0 if once else pauses.next_ms))
            if once:
                return
            await self._rest(news, pauses)

    async def _rest(self, news: News, pauses: Pauses) -> None:
        """Wait until the next step is due: at the source, or for the next of *pauses*."""
        if news.what == "head":
            slots = self._copy.slots
            waited = await self._arrival()
            has_come = self._copy.slots > slots
            if waited or has_come:
                pauses.restart()
            if has_come:
                return
            # A source that only says that it waits gets no faster asks.
        await pauses.rest()

    async def _arrival(self) -> bool:
        """Wait at the source for the next slot and append it; return whether the source waits."""
        slot = self._copy.slots
        try:
            entries = await self._source.arrival(slot)
            found = [entry for entry in entries or () if entry.slot >= slot]
            if found:
                await self._append(found)  # which may ask it once more
                self._tell(News("page", self._copy.slots))
        except (UnavailableError, MalformedError):
            self._until_compare = 0
            return False  # the next step says so
        return entries is not None

    async def _step(self) -> News:
        """Read all that the source has now."""
        last = await self._source.last()
        if last < self._copy.slots - 1:
            if last >= 0:
                await self._compare(last)
            return News("behind", self._copy.slots)
        while await self._compare_if_due():
            if last < self._copy.slots:
                return News("head", self._copy.slots)
            entries = await self._read(self._copy.slots, CLIENT_PAGE_SLOTS)
            if not entries:
                break
            await self._append(entries)
            self._tell(News("page", self._copy.slots))
        return News("behind", self._copy.slots)

    async def _read(self, first: int, count: int) -> Sequence[PageEntry]:
        """Return up to *count* entries from *first* on; none where the page ends before that.

        Fewer at once where messages are large. Where the source has said that the slot is there
        and its page ends before, two replicas may have answered: that proves nothing.
        """
        while True:
            try:
                entries = await self._source.page(first, count)
            except LimitExceededError:
                if count == 1:
                    raise
                count //= 2
                continue
            return [entry for entry in entries if entry.slot >= first]

    async def _append(self, entries: Sequence[PageEntry]) -> None:
        """Verify *entries* and append them; what is proven is kept, whatever comes behind it."""
        records: list[Record] = []
        try:
            if self._shares_loop:
                await asyncio.to_thread(self._verify, entries, records)
            else:
                self._verify(entries, records)
        except _Doubt as doubt:
            await self._copy.append(records)
            raise await self._explain(doubt) from doubt
        except UnsupportedError:
            await self._copy.append(records)
            raise
        await self._copy.append(records)

    def _verify(self, entries: Sequence[PageEntry], records: list[Record]) -> None:
        """Add the record of each entry to *records*, as long as they follow."""
        for entry in entries:
            if entry.slot != self._audit.slots:
                raise _Doubt(entry, None, f"slot {entry.slot}")
            records.append(self._verified(entry))

    def _verified(self, entry: PageEntry) -> Record:
        """Return the record of *entry*, which follows from the ones before.

        Raises:
            NotVerifiableError: the page leaves out what it would take to tell.
            UnsupportedError: the scheduler has signed what is not followed here.
            _Doubt: it does not follow.
        """
        record: Record | None = None
        try:
            record = self._source.record(entry)
            self._audit.add(entry.slot, record)
            self._check_scheduler()
        except UnsupportedError:
            raise
        except SchedulerError as error:
            if record is not None:
                self._check_known_of_others(entry.slot, record)
            raise _Doubt(entry, record, str(error)) from error
        self._before = record
        return record

    def _check_known_of_others(self, slot: int, record: Record) -> None:
        """Accuse nobody of what other schedulers are known to sign, where nothing else is wrong.

        Their clocks may tie and go back; here, time cursors rest on them. HyperBEAM's chain goes on
        from the text of the last value after a restart; ``seriatim verify`` knows one rule only.

        Raises:
            UnsupportedError: the scheduler has signed *record* so.
        """
        before = self._before
        if before is None or not record.variant.signed:
            return
        known = {"a timestamp that is not above the one before": before._replace(timestamp_ms=-1)}
        if record.variant is Variant.HYPERBEAM:
            text = b64url(before.hash_chain).encode()
            known["a chain over the text of the value before"] = before._replace(hash_chain=text)
        for what, other in known.items():
            try:
                Audit.resume(self._copy.process, slot - 1, other).add(slot, record)
            except SchedulerError:
                continue
            raise UnsupportedError(
                f"process {encode_id(self._copy.process)}, slot {slot}: the scheduler has signed "
                f"{what}; such a log is not followed yet"
            )

    def _check_scheduler(self) -> None:
        """Refuse a log that another scheduler has signed than the spawn names.

        The process's id covers the spawn, so that nobody else can make a log for it.
        """
        spawn, scheduler = self._audit.spawn, self._audit.scheduler
        if spawn is not None and scheduler is not None:
            spawn.check_scheduler(encode_id(scheduler))

    async def _explain(self, doubt: _Doubt) -> DivergedError:
        """Return the finding that *doubt* is, after a look at our own last slot."""
        slot = self._copy.slots
        entry, received = doubt.entry, doubt.received
        if entry.slot > slot:
            return self._gap(slot, entry)
        if slot:
            await self._compare(slot - 1)
        return self._finding(
            TamperedError, slot, _SOUND, doubt.given, entry=entry, received=received
        )

    async def _compare_if_due(self) -> bool:
        """Compare from time to time; return whether nothing is left to compare now.

        Our last slot tells a fork that has the same chain. A slot drawn from those before it
        tells a source that shows another past, sooner or later, wherever that begins and ends.
        """
        last = self._copy.slots - 1
        if last >= 0 and self._until_compare <= 0:
            if not await self._compare(last):
                return False
            if last and not await self._compare(self._draw(last)):
                return False
            self._until_compare = FOLLOW_COMPARE_REQUESTS
        self._until_compare -= 1
        return True

    async def _compare(self, slot: int) -> bool:
        """Return when the source still has at *slot* what we have.

        Returns:
            Whether it has shown the slot: not where its page ends before.

        Raises:
            GapError, ForkError, RewrittenError: it has something else.
        """
        entries = await self._read(slot, 1) or await self._read(slot, CLIENT_PAGE_SLOTS)
        if not entries:
            return False
        entry = entries[0]
        if entry.slot != slot:
            raise self._gap(slot, entry)
        stored = self._copy.record(slot)
        received: Record | None = None
        try:
            received = self._source.record(entry)
            if received == stored:
                return True
            Audit.resume(self._copy.process, slot, stored).check_alone(slot, received)
            is_signed = stored.variant.signed and received.assignment != stored.assignment
            given = "another assignment, signed by the scheduler" if is_signed else "another record"
        except UnsupportedError:
            raise
        except SchedulerError as error:
            is_signed, given = False, str(error)
        raise self._finding(
            ForkError if is_signed else RewrittenError,
            slot,
            f"assignment {encode_id(stored.assignment_id)} of message "
            f"{encode_id(stored.message_id)}, as stored",
            given,
            entry=entry,
            received=received,
        )

    def _gap(self, slot: int, later: PageEntry) -> DivergedError:
        given = f"slot {later.slot} and not the one before"
        return self._finding(GapError, slot, f"slot {slot}", given, entry=later)

    def _finding(
        self,
        kind: type[DivergedError],
        slot: int,
        expected: str,
        given: str,
        *,
        entry: PageEntry | None = None,
        received: Record | None = None,
    ) -> DivergedError:
        """Keep the evidence of a finding, and return the error that says it."""
        copy = self._copy
        evidence = Evidence(
            kind.code,
            self._source.url,
            copy.process,
            slot,
            self._audit.scheduler,
            expected,
            given,
            before=copy.record(slot - 1) if 0 < slot <= copy.slots else None,
            stored=copy.record(slot) if slot < copy.slots else None,
            received=received,
            entry=b"" if entry is None else entry.raw,
        )
        return kind(
            process=encode_id(copy.process),
            slot=slot,
            expected=expected,
            given=given,
            evidence=copy.keep(evidence),
        )


_SOUND: Final = "a record that follows from the slot before, signed as it should be"


class _Doubt(Exception):  # noqa: N818  # no error yet: what it is, a look at our last slot tells
    """An entry that does not follow."""

    def __init__(self, entry: PageEntry, received: Record | None, given: str) -> None:
        self.entry = entry
        self.received = received
        self.given = given
        super().__init__(given)
