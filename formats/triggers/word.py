"""What a trigger table's log says: definitions and changes, misses, and runs. Its slots after 0."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from seriatim.formats.ids import encode_id
from seriatim.formats.message import Value
from seriatim.formats.triggers.definition import EVENT, NOMINAL_TIME, TRIGGER, Definition
from seriatim.formats.triggers.due import Miss

TABLE_TYPE = "Trigger-Table"
"""What the spawn of a trigger table says that it is."""


class Word(StrEnum):
    """What a slot of a table is about."""

    DEFINE = "define"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    MISS = "miss"
    RUN = "run"
    """A fire whose run begins: what calls a function, or asks a path."""
    END = "end"
    """That run has ended."""


def word_of(word: Word, trigger: bytes, **said: Value) -> dict[str, Value]:
    """Return the fields of a slot about *trigger*, 32 raw bytes."""
    plain = {name.replace("_", "-"): value for name, value in said.items()}
    return {"action": word.value, TRIGGER: encode_id(trigger), **plain}


def define_word(trigger: bytes, definition: Definition, defined_ms: int) -> dict[str, Value]:
    """Return the fields of the slot by which *trigger* is what *definition* says.

    They say since when, too: the slot's timestamp may be later, and times may count from it.
    """
    return word_of(Word.DEFINE, trigger, definition=definition.fields, defined=defined_ms)


def miss_word(trigger: bytes, miss: Miss) -> dict[str, Value]:
    """Return the fields of the slot that says which nominal times are missed, and why."""
    return word_of(Word.MISS, trigger, **miss_fields(miss))


def miss_fields(miss: Miss) -> dict[str, Value]:
    """Return what a slot says of *miss*."""
    said: dict[str, Value] = {
        "first": miss.first_ms,
        "last": miss.last_ms,
        "reason": miss.reason,
    }
    return {**said, "detail": miss.detail} if miss.detail else said


def fire_fields(trigger: bytes, nominal_ms: int, event: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return what every fire of *trigger* says of itself: its time, and its *event*, if any."""
    said: dict[str, Value] = {TRIGGER: encode_id(trigger), NOMINAL_TIME: nominal_ms}
    return {**said, EVENT: event} if event else said
