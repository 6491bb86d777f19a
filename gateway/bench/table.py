"""The run as people and programs read it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from seriatim.gateway.bench.figure import Aim, Figure

_COLUMNS_MIN: Final = 170
_MET = {None: "", True: "[green]met", False: "[red]not met"}


def print_report(
    plain: Mapping[str, Any],
    figures: Sequence[Figure],
    below: str,
    *,
    as_json: bool,
    out: Path | None,
) -> None:
    """Print a run: *plain* as one line of JSON, or the table of *figures* with *below* under it.

    Args:
        plain: all of it, as JSON values.
        figures: its figures.
        below: lines for people.
        as_json: print JSON instead of the table.
        out: a file that gets the JSON too.
    """
    if out is not None:
        out.write_bytes(orjson.dumps(plain, option=orjson.OPT_INDENT_2) + b"\n")
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(plain) + b"\n")
        sys.stdout.flush()
    else:
        show = Console()
        # A narrow terminal breaks lines; a narrow table would lose figures.
        show.width = max(show.width, _COLUMNS_MIN)
        show.print(make_table(figures), below)


def make_table(figures: Sequence[Figure]) -> Table:
    """Return *figures*, one line each."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title="seriatim bench")
    for header in ("", "what", "ceiling"):
        table.add_column(header, no_wrap=True)
    for header in ("figure", "of rounds", "its ceiling", "ratio", "aim", "p50", "p99"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    part = None
    for figure in figures:
        if part not in (None, figure.part):
            table.add_section()
        part = figure.part
        plain = figure.to_plain()
        table.add_row(
            part.value,
            figure.name,
            figure.ceiling_name,
            f"{_number(figure.value)} {figure.unit}",
            _spread(plain["values"]),
            _number(figure.ceiling),
            f"{figure.ratio:.2f}",
            _aim(figure.aim),
            _latency(plain["p50_us"]),
            _latency(plain["p99_us"]),
            _MET[figure.met],
        )
    return table


def describe(machine: Mapping[str, Any], others: Mapping[str, float | None]) -> str:
    """Return a few lines that say what the figures were taken on, and who else was there.

    Args:
        machine: what `describe_machine` says.
        others: by part, the share of the cores that somebody else used meanwhile.
    """
    versions = ", ".join(f"{name} {text}" for name, text in machine["versions"].items())
    shares = ", ".join(
        f"({part}) {'unknown' if share is None else f'{share:.0%}'}"
        for part, share in others.items()
    )
    return (
        f"{machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['processor']}, {machine['system']}; "
        f"fsync of 4 KB: {machine['fsync_4k_p50_us']:.0f} µs (p50)\n{versions}\n"
        f"used by others meanwhile: {shares} of all cores; ratios are fair near 0 %"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  # three digits


def _spread(values: Sequence[float]) -> str:
    """Return the least and the greatest of some *values*, by which to judge their median."""
    return "" if len(values) == 1 else f"{_number(min(values))} … {_number(max(values))}"


def _aim(aim: Aim | None) -> str:
    if aim is None:
        return ""
    return f"{'≤' if aim.is_most else '≥'} {aim.ratio:.2f}"


def _latency(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us / 1e3:.2f} ms"
