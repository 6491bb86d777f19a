"""Which slots of another process are events: the kind ``slots``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seriatim.formats.folds.run import Result
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import JSON_INTEGER_MAX
from seriatim.formats.message import Value
from seriatim.formats.watches.event import Event, bad_mark
from seriatim.formats.watches.spec import SpecReader
from seriatim.formats.wire.stored import StoredAssignment


class SlotsSpec(NamedTuple):
    """The spec of one watch of slots.

    Attributes:
        process: id of the process, 32 raw bytes.
        match: what fields of a message have to be, in value and type; of a data item, its tags in
            lower case, and ``data``.
        is_computed: whether a slot is an event only once it is computed.
    """

    process: bytes
    match: Mapping[str, Value]
    is_computed: bool

    def matches(self, stored: StoredAssignment) -> bool:
        """Tell whether the message of *stored* is one that the watch is for."""
        if not self.match:
            return True
        said = stored.fields
        return all(key in said and _is_same(said[key], value) for key, value in self.match.items())


def read_slots_spec(spec: Mapping[str, Value]) -> SlotsSpec:
    """Return the spec of a watch of slots.

    Raises:
        MalformedError: it is none; code ``bad_watch``.
    """
    reader = SpecReader(spec)
    found = SlotsSpec(
        reader.process("process"), reader.map("match"), reader.flag("computed", default=False)
    )
    reader.end()
    return found


def slot_event(stored: StoredAssignment, result: Result | None) -> Event:
    """Return the event for a slot, with its result where it is computed.

    Its key is the place, not the slot alone: a trigger may be for another process one day. Its
    watch mark is the next slot.
    """
    process = encode_id(stored.process)
    fields: dict[str, Value] = {
        "process": process,
        "slot": stored.slot,
        "timestamp-ms": stored.record.timestamp_ms,
        "message": encode_id(stored.record.message_id),
    }
    if result is not None and result.code:
        fields["error"] = {"code": result.code, "reason": result.reason}
    return Event(f"{process}-{stored.slot}", fields, encode_slots_mark(stored.slot + 1))


def encode_slots_mark(slot_next: int) -> bytes:
    """Return the watch mark that says which slot comes next."""
    return str(slot_next).encode()


def decode_slots_mark(mark: bytes) -> int:
    """Return the slot that comes next.

    Raises:
        MalformedError: it is no such mark; code ``bad_mark``.
    """
    if mark.isdigit() and len(mark) <= len(str(JSON_INTEGER_MAX)):
        return int(mark)
    raise bad_mark("it is no slot")


def _is_same(said: Value, wanted: Value) -> bool:
    """Tell whether two values are the same one: 1, 1.0 and true are three."""
    return type(said) is type(wanted) and said == wanted
