"""Placing a fire: its message where it goes, or its run in the table's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seriatim.actors.triggers.rows import Begun, Where, begin_rows, change_rows
from seriatim.actors.triggers.runs import NO_EVENT, Run, Runs
from seriatim.formats.ids import decode_id
from seriatim.formats.triggers.word import Word, fire_fields, word_of

if TYPE_CHECKING:
    from seriatim.actors.triggers.book import Book
    from seriatim.formats.message import Value
    from seriatim.formats.triggers.definition import Definition
    from seriatim.formats.triggers.progress import Progress


class Fires:
    """Places the fires of one node; whoever calls has the trigger's turn."""

    def __init__(self, book: Book, runs: Runs) -> None:
        self._book = book
        self._runs = runs

    async def place(
        self,
        definition: Definition,
        begun: Begun,
        *,
        before: Progress,
        after: Progress,
        event: Mapping[str, Value] = NO_EVENT,
    ) -> None:
        """Make a fire durable, and begin its run where it has one.

        Args:
            definition: what its trigger is.
            begun: which fire it is.
            before: how far the trigger has come.
            after: how far it has come by this; the change is counted here.
            event: what it is for, where that is not a time.

        Raises:
            SchedulerError: it cannot be placed, or not now; see `Book.send`.
        """
        trigger, where = begun.trigger, await self.where(definition, begun.key)
        rows = change_rows(trigger, after, before, where)
        said = fire_fields(trigger, begun.nominal_ms, event)
        if definition.process:
            message = {**(definition.message or {}), **said}
            await self._book.send(where.process, message, begun.key, rows)
            return
        word = {**word_of(Word.RUN, trigger), **said}
        await self._book.note(word, begun.key, (*rows, *begin_rows(begun)))
        self._runs.begin(Run(definition, begun, event))

    async def where(self, definition: Definition, key: bytes) -> Where:
        """Return where the fire with *key* stands, or would."""
        if definition.process:
            return Where(decode_id(definition.process), key)
        return Where(await self._book.open_table(), key)
