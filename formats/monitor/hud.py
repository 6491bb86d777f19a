"""The text that people look at: a pure function of what a monitor says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from seriatim.formats.jobs.state import JobState
from seriatim.formats.monitor.episodes import Pulse

View = Mapping[str, Any]
"""What ``view.py`` makes, or what a node has answered."""

_SHORT: Final = 40
_JOBS_SHOWN: Final = 3
_STATES: Final = tuple(state.value for state in JobState)


def hud(view: View) -> str:
    """Return the lines that show *view*, without a newline at the end."""
    parts = [_head(view), worker_lines(view["workers"]), _queues(view), _foot(view)]
    # Workers choose words in them: none of them may steer the reader's terminal.
    shown = ([_printable(line) for line in part] for part in parts)
    return "\n\n".join("\n".join(lines) for lines in shown if lines)


def _head(view: View) -> Iterator[str]:
    workers = view["workers"]
    pulses = Counter(each["pulse"] for each in workers)
    heard_of = [each for each in workers if each["pulse"] != Pulse.STALE]
    busy = sum(1 for each in heard_of if each["running"])
    noun = "worker" if len(workers) == 1 else "workers"
    counted = [f"{len(workers)} {noun}", f"{busy} busy", f"{len(heard_of) - busy} idle"]
    counted += [f"{pulses[pulse]} {pulse}" for pulse in ("slow", "stale") if pulses[pulse]]
    yield ", ".join(counted)
    yield from view["summary"]
    if view["idle"]:
        slots = ", ".join(f"{queue} {slot}" for queue, slot in view["slots"].items())
        yield f"idle at {slots}" if slots else "idle"
    for flag, is_set in view["flags"].items():
        if is_set:
            yield f"{flag} is set"


def worker_lines(workers: Sequence[View]) -> Iterator[str]:
    """Yield a line for each of *workers*, as a view has them, below a line of names."""
    if not workers:
        return
    head = ["worker", "category", "pulse", "heard", "pid", "queue", "jobs", "runs"]
    yield from _table([head, *map(_worker_row, workers)])


def _worker_row(worker: View) -> list[str]:
    return [
        worker["worker"],
        worker["category"] or "-",
        worker["pulse"],
        f"{worker['silent_ms'] / 1_000:.0f}s",
        str(worker["pid"]),
        worker["queue"],
        f"{len(worker['running'])}/{worker['room']}" + ("!" if worker["is_draining"] else ""),
        _running(worker["running"]),
    ]


def _running(jobs: Sequence[View]) -> str:
    if not jobs:
        return "-"
    shown = [f"{job['type']} {job['fraction']:.0%}" for job in jobs[:_JOBS_SHOWN]]
    if len(jobs) > _JOBS_SHOWN:
        shown.append(f"and {len(jobs) - _JOBS_SHOWN} more")
    return ", ".join(shown)


def _queues(view: View) -> Iterator[str]:
    queues = view["queues"]
    if not queues:
        return
    rows = [["queue", "slot", *_STATES, "ended/s"]]
    for each in queues:
        rate = view["rates"].get(each["queue"], {}).get("ended_per_s")
        numbers = [str(each["states"].get(state, 0)) for state in _STATES]
        name = each["queue"] + (" (paused)" if each["paused"] else "")
        rows.append([name, str(each["slot"]), *numbers, "-" if rate is None else f"{rate:g}"])
    yield from _table(rows)


def _foot(view: View) -> Iterator[str]:
    backlog = view["backlog"]
    if backlog:
        named = ", ".join(f"{(name or 'none').upper()} {count}" for name, count in backlog.items())
        yield f"backlog: {named}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each of *rows*: columns as wide as what is in them.

    Names, in front, are whole: they are what other commands take.
    """
    shown = [[_printable(name), *(_short(_printable(cell)) for cell in row)] for name, *row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _short(cell: str) -> str:
    return cell if len(cell) <= _SHORT else cell[: _SHORT - 1] + "…"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
