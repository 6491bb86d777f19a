"""Jobs and queues as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from seriatim.formats.jobs.state import JobState
from seriatim.gateway.cli.table import table, value_text
from seriatim.gateway.reply import field

_SHORT = 60


def time_text(ms: object) -> str:
    """Return a Unix time in milliseconds by the clock of this machine."""
    if not isinstance(ms, int):
        return "-"
    return datetime.fromtimestamp(ms / 1_000).astimezone().isoformat(" ", "milliseconds")


def job_row(job: object) -> list[str]:
    """Return the columns of *job*, as the API answers it.

    Raises:
        UnavailableError: it is none.
    """
    said: dict[str, Any] = job if isinstance(job, dict) else {}
    return [
        field(job, "id", str),
        field(job, "state", str),
        field(job, "type", str),
        str(field(job, "attempts", int)),
        time_text(said.get("ended_ms") or said.get("submitted_ms")),
        _why(said),
    ]


def job_lines(job: dict[str, Any]) -> Iterator[str]:
    """Yield what there is to say of *job*."""
    rows = [
        ["id", field(job, "id", str)],
        ["queue", field(job, "queue", str)],
        ["type", field(job, "type", str)],
        ["state", field(job, "state", str)],
        ["attempts", str(field(job, "attempts", int))],
        ["submitted", time_text(job.get("submitted_ms"))],
        ["started", time_text(job.get("started_ms"))],
        ["ended", time_text(job.get("ended_ms"))],
    ]
    rare = ("exit_code", "worker", "waits_for", "cancelling", "result")
    rows.extend(
        [name, value_text(job[name])] for name in rare if job.get(name) not in (None, [], "")
    )
    spec = job.get("spec")
    rows.extend(
        [key, value_text(value)] for key, value in (spec.items() if isinstance(spec, dict) else ())
    )
    rows.extend(
        [f"attempt {failure.get('attempt')}", f"{failure.get('code')}: {failure.get('reason')}"]
        for failure in job.get("failures", ())
    )
    yield from table(rows)


def numbers_text(states: object) -> str:
    """Return how many jobs are in which state."""
    found = states if isinstance(states, dict) else {}
    # In the order of a job's life; what a later node says beside that comes last.
    states = [*(each.value for each in JobState if each in found), *(found.keys() - set(JobState))]
    return ", ".join(f"{found[state]} {state}" for state in states) or "empty"


def _why(job: dict[str, Any]) -> str:
    error = job.get("error")
    if isinstance(error, dict):
        return f"{error.get('code')}: {error.get('reason')}"[:_SHORT]
    waits = job.get("waits_for")
    return f"waits for {', '.join(waits)}"[:_SHORT] if isinstance(waits, list) and waits else ""
