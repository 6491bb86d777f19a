"""Making a queue's rows out of its log alone: so that anybody can check what a node says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.rows import Path
from seriatim.formats.jobs.slot import read_slot
from seriatim.formats.message import Value


def replay(
    queue: str, spawned_ms: int, slots: Iterable[tuple[int, Mapping[str, Value]]]
) -> dict[Path, bytes]:
    """Return the rows of *queue*, as its slots say.

    Args:
        queue: its name.
        spawned_ms: when it was made.
        slots: what is in its log from slot 1 on: the slot, and the fields of its message.

    Raises:
        MalformedError: a slot says nothing that a queue says, or what cannot happen; code
            ``bad_slot``.
    """
    rows: dict[Path, bytes] = {}
    fold = QueueFold(queue, rows.get)
    fold.begin(0, spawned_ms, spawned_ms)
    keep_rows(rows, fold)
    for slot, fields in slots:
        said = read_slot(slot, fields)
        fold.begin(slot, said.at_ms, said.wall_ms)
        try:
            for event in said.events:
                fold.apply(event)
            keep_rows(rows, fold)
        except Exception as error:  # the fold relies on what the machine has decided
            reason = f"slot {slot} says what cannot happen: {type(error).__name__}: {error}"
            raise MalformedError(reason, code="bad_slot") from error
    return rows


def keep_rows(rows: dict[Path, bytes], fold: QueueFold) -> None:
    """Have *rows* say what the last slot of *fold* has changed."""
    for path, value in fold.rows():
        if value is None:
            rows.pop(path, None)
        else:
            rows[path] = value
