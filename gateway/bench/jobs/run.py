"""The run: round after round, the ceiling and then each contender, and the report at its end."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from seriatim import __version__
from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.figure import Figure, Part, Sample, Say
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.measure import finish_jobs, measure_ceiling, measure_contender
from seriatim.gateway.bench.jobs.report import Outcome, Result, make_figures
from seriatim.gateway.bench.jobs.session import JOBS_LOST
from seriatim.gateway.bench.jobs.signals import noting_signals
from seriatim.gateway.bench.machine import OthersWatch, describe_machine
from seriatim.gateway.bench.table import describe, print_report

ROUNDS: Final = 3


class Report(NamedTuple):
    """What a run has found.

    Attributes:
        results: of all contenders, in their order.
        figures: of those that were measured.
        machine: what `describe_machine` says.
        others: the share of all cores that somebody else used meanwhile; ``None`` where not told.
        seconds: about how long each run of jobs was to take.
        took_s: how long all of it took.
    """

    results: Sequence[Result]
    figures: Sequence[Figure]
    machine: dict[str, Any]
    others: float | None
    seconds: float
    took_s: float

    @property
    def is_whole(self) -> bool:
        """Whether nobody has failed or lost a job; who is not installed has done neither."""
        ended = {result.outcome for result in self.results}
        return ended <= {Outcome.MEASURED, Outcome.LEFT_OUT}

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain JSON values; the shape is in ``docs/performance.md``."""
        return {
            "seriatim": __version__,
            "seconds": self.seconds,
            "took_s": self.took_s,
            "others_share": {Part.JOBS.value: self.others},
            "machine": self.machine,
            "contenders": [result.to_plain() for result in self.results],
            "figures": [figure.to_plain() for figure in self.figures],
        }


def run_jobs_bench(
    contenders: Sequence[Contender],
    *,
    seconds: float,
    rounds: int,
    as_json: bool,
    out: Path | None,
) -> bool:
    """Measure *contenders*, print the table or one JSON value, and tell whether none has failed."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        noting_signals(),
        # Here, not where temporary files go: that may be memory, where a sync costs nothing.
        tempfile.TemporaryDirectory(prefix=".seriatim-bench-", dir=Path.cwd()) as folder,
        # Drawn only when something new is done: a thread that draws would be measured too.
        Progress(*columns, console=console, auto_refresh=False, transient=True) as progress,
    ):
        # A server that runs as somebody else has to get to its own folder in it.
        Path(folder).chmod(0o711)
        task = progress.add_task("starting")

        def say(what: str) -> None:
            progress.update(task, description=what, refresh=True)

        report = measure_all(contenders, Path(folder), seconds, say, rounds=rounds)
    lines = [result.to_line() for result in report.results]
    below = "\n".join([*lines, describe(report.machine, {Part.JOBS.value: report.others})])
    print_report(report.to_plain(), report.figures, below, as_json=as_json, out=out)
    return report.is_whole


def measure_all(
    contenders: Sequence[Contender],
    folder: Path,
    seconds: float,
    say: Say,
    *,
    rounds: int = ROUNDS,
) -> Report:
    """Return what *rounds* rounds of *contenders* find, in *folder*.

    Who has failed once is not measured again, and has no figures.

    Raises:
        UnavailableError: nobody can be measured, or the ceiling has failed.
    """
    started_s = monotonic()
    results = [_introduce(each) for each in contenders]
    machine = describe_machine(folder)
    if not _measured(results):
        raise UnavailableError("; ".join(result.to_line() for result in results))
    watch = OthersWatch()
    ceilings: dict[int, list[Sample]] = defaultdict(list)
    for number in range(1, rounds + 1):
        if not _measured(results):
            break
        own = folder / str(number)
        own.mkdir()
        say_more = partial(_say_more, say, f"round {number} of {rounds}")
        sampled = measure_ceiling(own / "ceiling", seconds, partial(say_more, "ceiling"))
        for callers, sample in sampled.items():
            ceilings[callers].append(sample)
        results = [_go_on(result, own, seconds, say_more) for result in results]
    figures = make_figures(results, ceilings)
    return Report(results, figures, machine, watch.share(), seconds, monotonic() - started_s)


def _measured(results: Sequence[Result]) -> list[Result]:
    """Return those of *results* for whom another round makes sense."""
    return [result for result in results if result.outcome is Outcome.MEASURED]


def _introduce(contender: Contender) -> Result:
    """Return *contender* before its first round, or why it has none."""
    if missing := contender.missing():
        return Result(contender=contender, outcome=Outcome.LEFT_OUT, reason=missing)
    return Result(contender=contender, outcome=Outcome.MEASURED)


def _go_on(result: Result, folder: Path, seconds: float, say: Callable[[str, str], None]) -> Result:
    """Return *result* after one more round in *folder*, where it has not failed before."""
    contender = result.contender
    if result.outcome is not Outcome.MEASURED:
        return result
    own, say_own = folder / contender.name, partial(say, contender.name)
    data = None
    try:
        if contender.finished:
            # Beside the rounds: once for all of them.
            data = finish_jobs(contender, folder.parent / contender.name, say_own)
        found = measure_contender(contender, own, seconds, say_own, data)
    except UnavailableError as error:
        outcome = Outcome.INCOMPLETE if error.code == JOBS_LOST else Outcome.FAILED
        return Result(contender=contender, outcome=outcome, reason=str(error))
    return replace(result, rounds=[*result.rounds, found])


def _say_more(say: Say, when: str, who: str, what: str) -> None:
    say(f"{when}, {who}: {what}")
