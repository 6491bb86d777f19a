"""Triggers as the API's JSON has them: every time as ISO 8601 in the zone, and in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

from seriatim.actors.triggers.reader import Happened, Trigger
from seriatim.formats.codecs.json import parse_json, value_to_plain
from seriatim.formats.ids import encode_id
from seriatim.formats.message import Value
from seriatim.formats.recurrence.local import local_time
from seriatim.formats.recurrence.zone_database import read_zone
from seriatim.formats.triggers.definition import EVENT, NOMINAL_TIME
from seriatim.formats.triggers.word import Word

_FIRE: Final = "fire"
_TIMES: Final = {NOMINAL_TIME: "nominal", "first": "first", "last": "last"}
_TEXTS: Final = ("reason", "detail", "code")


def trigger_plain(trigger: Trigger) -> dict[str, Any]:
    """Return what *trigger* is, where it stands, and when it fires next."""
    zone = read_zone(trigger.definition.tz)
    return {
        "id": encode_id(trigger.id),
        "state": trigger.progress.state.value,
        **_time("defined", trigger.defined_ms, zone),
        **_time("next", trigger.progress.next_ms, zone),
        "definition": value_to_plain(trigger.definition.fields),
    }


def happened_plain(happened: Happened, table: bytes | None, zone: ZoneInfo) -> dict[str, Any]:
    """Return an entry of a trigger's history.

    Args:
        happened: the entry.
        table: the process of the table's own log, 32 raw bytes: in any other, it is a message.
        zone: of the trigger.
    """
    fields = happened.fields
    is_own = happened.process == table
    said: dict[str, Any] = {}
    for key, name in _TIMES.items():
        if key in fields and (is_own or key == NOMINAL_TIME):
            said |= _time(name, int(str(fields[key])), zone)
    if is_own:
        said |= {key: fields[key] for key in _TEXTS if key in fields}
        if fields["action"] == Word.DEFINE:
            said["definition"] = value_to_plain(fields["definition"])
    if EVENT in fields:
        said["event"] = value_to_plain(_event(fields[EVENT]))
    return {
        "number": happened.number,
        "what": fields["action"] if is_own else _FIRE,
        "process": encode_id(happened.process),
        "slot": happened.slot,
        **_time("timestamp", happened.timestamp_ms, zone),
        **said,
    }


def times_plain(times: Iterable[int], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return nominal times, each as ``time`` and ``time_ms``."""
    return [_time("time", each, zone) for each in times]


def _event(value: Value) -> Value:
    """Return what a watch has seen: messages that are data items say it as JSON text."""
    return parse_json(value.encode()) if isinstance(value, str) else value


def _time(name: str, instant_ms: int | None, zone: ZoneInfo) -> dict[str, Any]:
    text = None if instant_ms is None else local_time(instant_ms, zone).isoformat()
    return {name: text, f"{name}_ms": instant_ms}
