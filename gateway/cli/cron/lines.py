"""Triggers, and what has happened to them, as lines for people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from seriatim.gateway.cli.output import printable
from seriatim.gateway.reply import field

_WHAT_WIDTH = 7


def trigger_row(trigger: object) -> list[str]:
    """Return the columns of *trigger*, as the API answers it.

    Raises:
        UnavailableError: it is none.
    """
    definition = field(trigger, "definition", dict)
    return [
        field(trigger, "id", str),
        field(trigger, "state", str),
        next_text(trigger),
        when_text(definition),
        action_text(definition),
        str(definition.get("name", "")),
    ]


def next_text(trigger: object) -> str:
    """Return when *trigger* is due next, in its zone."""
    text = trigger.get("next") if isinstance(trigger, dict) else None
    return "-" if text is None else local_text(str(text))


def when_text(definition: dict[str, Any]) -> str:
    """Return what a trigger fires by."""
    zone = definition.get("tz")
    when = str(definition.get("when") or definition.get("watch", "-"))
    return f"{when} ({zone})" if zone else when


def action_text(definition: dict[str, Any]) -> str:
    """Return what a trigger does."""
    if "process" in definition:
        return f"message to {definition['process']}"
    if "path" in definition:
        return f"{definition.get('method', 'GET')} {definition['path']}"
    if "job" in definition:
        job = field(definition, "job", dict)
        return f"job {job.get('type', '-')} in {job.get('queue', '-')}"
    return f"function {definition.get('function', '-')}"


def event_line(event: object) -> str:
    """Return what has happened, as the API answers it, as a line.

    Raises:
        UnavailableError: it is none.
    """
    number, what = field(event, "number", int), field(event, "what", str)
    said = event if isinstance(event, dict) else {}
    parts = [f"{number:>6}", local_text(field(event, "timestamp", str)), what.ljust(_WHAT_WIDTH)]
    if "nominal" in said:
        parts.append(f"for {local_text(str(said['nominal']))}")
    if "first" in said:
        first, last = (local_text(str(said.get(key))) for key in ("first", "last"))
        parts.append(first if first == last else f"{first} to {last}")
    if "event" in said:
        parts.append(json.dumps(said["event"], ensure_ascii=False))
    parts += [str(said[key]) for key in ("code", "reason", "detail") if key in said]
    return printable("  ".join(parts).rstrip())


def local_text(iso: str) -> str:
    """Return a time as ``Sat 2026-03-28 02:30:00 +01:00``; what is none as it is."""
    try:
        local = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return local_line(local)


def local_line(local: datetime) -> str:
    """Return *local* with its weekday and its offset."""
    return f"{local:%a %Y-%m-%d} {local.time()} {offset_of(local)}"


def offset_of(local: datetime) -> str:
    """Return the offset as ``+01:00``."""
    return local.isoformat()[-6:]
