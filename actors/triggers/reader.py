"""Looking at triggers: what they are now, when they are due, and what has happened to them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.actors.triggers.rows import Known
from seriatim.formats.errors import MalformedError, NotFoundError, StoreError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import PAGE_MAX, TRIGGER_NAME_MAX_CHARS
from seriatim.formats.recurrence.recurrence import times_after
from seriatim.formats.triggers.definition import Definition
from seriatim.formats.triggers.progress import Defined, Progress
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.actors.triggers.rows import TriggerRows, Where
    from seriatim.formats.message import Value
    from seriatim.store.log import Log


_LOG: Final = logging.getLogger("seriatim.actors")


class Trigger(NamedTuple):
    """A trigger as it is now.

    Attributes:
        id: 32 raw bytes.
        definition: what it is.
        defined_ms: since when.
        progress: how far it has come.
    """

    id: bytes
    definition: Definition
    defined_ms: int
    progress: Progress

    @property
    def defined(self) -> Defined:
        """What it is, and since when."""
        return Defined(self.definition, self.defined_ms)


class Happened(NamedTuple):
    """Something that has happened to a trigger, as it stands in a log.

    Attributes:
        number: its place in the trigger's history, from 0; -1 for an event that was seen before.
        process: whose log, 32 raw bytes.
        slot: its slot there.
        timestamp_ms: when it was placed.
        fields: what the message says.
    """

    number: int
    process: bytes
    slot: int
    timestamp_ms: int
    fields: Mapping[str, Value]


class TriggerReader:
    """The readers' side of a trigger table; ids are 32 raw bytes."""

    def __init__(self, rows: TriggerRows, log: Log) -> None:
        """Read *rows*, and in *log* what they lead to."""
        self._rows = rows
        self._log = log

    def find(self, id_or_name: str) -> bytes:
        """Return the id, 32 raw bytes, of the trigger that is meant: by its name, or by its id.

        Raises:
            NotFoundError: there is no such trigger.
        """
        named = Definition(name=id_or_name).id
        if self._rows.defined(named) is not None:
            return named
        try:
            return decode_id(id_or_name)
        except MalformedError:
            raise NotFoundError(
                f"no trigger {id_or_name[:TRIGGER_NAME_MAX_CHARS]!r} here"
            ) from None

    def show(self, trigger: bytes) -> Trigger:
        """Return *trigger* as it is now.

        Raises:
            NotFoundError: there is no such trigger.
        """
        return self._known(trigger)

    def page(self, *, after: bytes | None = None, limit: int) -> list[Trigger]:
        """Return up to *limit* triggers, at most ``PAGE_MAX``, from the first one behind *after*.

        By the text of their ids.
        """
        found = self._rows.triggers(after, min(limit, PAGE_MAX))
        known = ((trigger, *self._whole(trigger)) for trigger in found)
        return [
            # What is not there any more was removed meanwhile.
            Trigger(trigger, *defined, progress)
            for trigger, defined, progress in known
            if defined is not None and progress is not None
        ]

    def next_times(self, trigger: bytes, count: int) -> Iterator[int]:
        """Return up to *count* nominal times of *trigger* that are still to come.

        Raises:
            NotFoundError: there is no such trigger.
        """
        known = self._known(trigger)
        if known.progress.next_ms is None:
            return iter(())
        recurrence = known.definition.timing(known.defined_ms).recurrence
        return islice(times_after(recurrence, known.progress.next_ms - 1), count)

    def history(self, trigger: bytes, *, after: int = -1, limit: int) -> list[Happened]:
        """Return up to *limit* things that have happened to *trigger* behind number *after*.

        Raises:
            NotFoundError: there never was such a trigger.
        """
        if self._rows.progress(trigger) is None:
            raise NotFoundError(f"no trigger {encode_id(trigger)} was ever here")
        found = self._rows.history(trigger, after, min(limit, PAGE_MAX))
        return [self._happened(number, where) for number, where in found]

    def _whole(self, trigger: bytes) -> Known:
        """Return what is known of *trigger*; where its rows are damaged, nothing, and log that."""
        try:
            return self._rows.of(trigger)
        except StoreError:
            _LOG.exception("a trigger is left out")
            return Known(None, None)

    def _known(self, trigger: bytes) -> Trigger:
        defined, progress = self._rows.of(trigger)
        if defined is None or progress is None:
            raise NotFoundError(f"no trigger {encode_id(trigger)} here; list shows those there are")
        return Trigger(trigger, *defined, progress)

    def _happened(self, number: int, where: Where) -> Happened:
        log = self._log
        slot = log.find_in(where.process, where.key)
        record = None if slot is None else log.read(where.process, slot)
        assert slot is not None, "its row was written with it"
        assert record is not None, "as above"
        stored = StoredAssignment(where.process, slot, record)
        return Happened(number, where.process, slot, record.timestamp_ms, stored.fields)
