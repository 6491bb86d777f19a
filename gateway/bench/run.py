"""The run: the chosen parts one after another, and the report at its end."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

import uvloop
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from seriatim import __version__
from seriatim.formats.errors import MalformedError
from seriatim.gateway.bench.appends import measure_appends
from seriatim.gateway.bench.compute import measure_computing
from seriatim.gateway.bench.encode import measure_encodings
from seriatim.gateway.bench.figure import Figure, Part, Say
from seriatim.gateway.bench.idle import measure_idle
from seriatim.gateway.bench.machine import OthersWatch, describe_machine
from seriatim.gateway.bench.pages import measure_pages
from seriatim.gateway.bench.posts import measure_posts
from seriatim.gateway.bench.scale import FULL, QUICK, Scale
from seriatim.gateway.bench.table import describe, print_report
from seriatim.gateway.bench.timers import measure_timers

MeasurePart = Callable[[Path, Scale, Say], Awaitable[list[Figure]]]

PARTS: Final[dict[Part, MeasurePart]] = {
    Part.IN_PROCESS: measure_appends,
    Part.HTTP: measure_posts,
    Part.PAGES: measure_pages,
    Part.IDLE: measure_idle,
    Part.ENCODE: measure_encodings,
    Part.COMPUTE: measure_computing,
    Part.TIMERS: measure_timers,
}


class _Found(NamedTuple):
    """What a run found.

    Attributes:
        machine: what `describe_machine` says.
        figures: in the order of the parts.
        others: by part, the share of the cores that somebody else used meanwhile.
        took_s: how long all of it took.
    """

    machine: dict[str, Any]
    figures: list[Figure]
    others: dict[str, float | None]
    took_s: float


def run_bench(*, only: Sequence[str], quick: bool, as_json: bool, out: Path | None) -> int:
    """Do what `seriatim.gateway.bench.main` promises."""
    parts = _chosen(only)
    console = Console(stderr=True)
    # Here, not where temporary files go: that may be memory, where a sync costs nothing.
    with tempfile.TemporaryDirectory(prefix=".seriatim-bench-", dir=Path.cwd()) as folder:
        found = uvloop.run(_measure(Path(folder), parts, QUICK if quick else FULL, console))
    plain = {
        "seriatim": __version__,
        "quick": quick,
        "took_s": found.took_s,
        "others_share": found.others,
        "machine": found.machine,
        "figures": [figure.to_plain() for figure in found.figures],
    }
    below = describe(found.machine, found.others)
    print_report(plain, found.figures, below, as_json=as_json, out=out)
    return 0


def _chosen(only: Sequence[str]) -> list[Part]:
    letters = {letter.strip() for letter in only}
    known = {part.value for part in PARTS}
    if not letters <= known:
        raise MalformedError(
            f"no part {', '.join(sorted(letters - known))}; choose from {', '.join(sorted(known))}",
            code="bad_part",
        )
    return [part for part in PARTS if part.value in letters]


async def _measure(folder: Path, parts: Sequence[Part], scale: Scale, console: Console) -> _Found:
    machine = await asyncio.to_thread(describe_machine, folder)
    started_s = monotonic()
    figures: list[Figure] = []
    others: dict[str, float | None] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # Drawn only when something new is done: a thread that draws would be measured too.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("starting")

        for part in parts:
            own = folder / part.value
            own.mkdir()

            def say(what: str, part: Part = part) -> None:
                progress.update(task, description=f"({part.value}) {what}", refresh=True)

            watch = OthersWatch()
            figures += await PARTS[part](own, scale, say)
            others[part.value] = watch.share()
    return _Found(machine, figures, others, monotonic() - started_s)
