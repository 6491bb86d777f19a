"""What happens to jobs, as lines of the log ``seriatim.jobs``: for whoever has it on, a line each.

A line has its ids as fields, too: ``queue``, ``slot``, ``event``, ``job``, and ``worker``,
``token``, ``code``, ``reason``, ``type`` and ``command`` where there are any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import Event

_LOG: Final = logging.getLogger("seriatim.jobs")
_FIELDS: Final = ("worker", "token", "code", "reason", "type")


def log_slot(queue: str, slot: int, events: Sequence[Event]) -> None:
    """Log what *slot* of *queue*, which is durable, says; nothing where nobody reads it."""
    if not _LOG.isEnabledFor(logging.INFO):
        return
    for event in events:
        for job in _jobs_of(event):
            ids = {"queue": queue, "slot": slot, "event": event["event"], "job": job}
            extra = {**ids, **_more(event)}
            _LOG.info("job %s of queue %s: %s", job, queue, event["event"], extra=extra)


def _jobs_of(event: Event) -> Iterator[str]:
    if "jobs" in event:
        yield from event["jobs"]
    elif "id" in event:
        yield event["id"]


def _more(event: Event) -> Mapping[str, Any]:
    found = {name: event[name] for name in _FIELDS if name in event}
    command = event.get("spec", {}).get("command")
    return found if command is None else {**found, "command": command}
