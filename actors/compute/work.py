"""What runs folds off the event loop: a thread's, or a child's, side of computing.

Jobs and answers are plain values that CBOR can carry, in threads too: what a fold is given has
been through one encoding wherever it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

import cbor2

from seriatim.actors.installed import installed
from seriatim.actors.runtime.clock import machine_monotonic_ms
from seriatim.formats.errors import FoldError, UnsupportedError
from seriatim.formats.folds.failure import is_failure
from seriatim.formats.folds.fold import Fold, Verdict
from seriatim.formats.folds.registry import FoldRegistry
from seriatim.formats.folds.run import Result, run, start
from seriatim.formats.folds.step import read_step
from seriatim.formats.limits import FOLD_JOB_MS, FOLD_MEMORY_MAX_BYTES
from seriatim.formats.schedule.record import decode_record

FOLDS: Final = "seriatim.folds"
"""The entry point group of other packages' folds."""

FOLD_CHILD: Final = "seriatim.actors.compute.work:fold_child"


class Job(NamedTuple):
    """Slots to run one fold over.

    Attributes:
        fold: its name.
        passes: how many the program has.
        process: 32 raw bytes.
        first: the slot of the first record.
        number: the pass, from 1.
        records: encoded, of slots that follow each other.
        before: the encoded state before the first; empty for the state that the process begins
            with: then there is one record, the spawn's, and it is not run.
        is_alone: whether there is no stack, and so no other pass.
    """

    fold: str
    passes: int
    process: bytes
    first: int
    number: int
    records: tuple[bytes, ...]
    before: bytes = b""
    is_alone: bool = False


class Ran(NamedTuple):
    """What became of a job: the results of its first slots, and the encoded state behind them."""

    results: list[Result]
    state: bytes


def worker(folds: FoldRegistry, now_ms: Callable[[], int]) -> Callable[[Sequence[Job]], list[Ran]]:
    """Return what handles batches of jobs with *folds*; *now_ms* tells when one is long enough."""
    return lambda jobs: [_handle(folds, job, now_ms) for job in jobs]


def fold_child(init: bytes) -> Callable[[list[list[Any]]], list[list[Any]]]:
    """Return a child's handler; *init* is made by `fold_child_init`."""
    import resource  # noqa: PLC0415  # threads on Windows never come here

    resource.setrlimit(resource.RLIMIT_AS, (FOLD_MEMORY_MAX_BYTES, FOLD_MEMORY_MAX_BYTES))
    handle = worker(FoldRegistry(load_folds(cbor2.loads(init))), machine_monotonic_ms)

    def handle_plain(batch: list[list[Any]]) -> list[list[Any]]:
        return [list(ran) for ran in handle([job_from_plain(plain) for plain in batch])]

    return handle_plain


def fold_child_init(places: Sequence[str]) -> bytes:
    """Return what `fold_child` needs to know the folds at *places*; see `load_folds`."""
    return cbor2.dumps(list(places))


def load_folds(places: Iterable[str]) -> list[Fold]:
    """Return the folds of installed packages, and those at *places*, each ``module:name``.

    Raises:
        UnsupportedError: one cannot be imported, or is no fold.
    """
    return [*installed(FOLDS, Fold), *map(_import_fold, places)]


def job_from_plain(plain: Sequence[Any]) -> Job:
    """Return the job that *plain* was."""
    fold, passes, process, first, number, records, *rest = plain
    return Job(fold, passes, process, first, number, tuple(records), *rest)


def ran_from_plain(plain: Sequence[Any]) -> Ran:
    """Return the answer that *plain* was."""
    results, state = plain
    return Ran(
        [Result(output, Verdict(verdict), code, said) for output, verdict, code, said in results],
        state,
    )


def _handle(folds: FoldRegistry, job: Job, now_ms: Callable[[], int]) -> Ran:
    fold = folds.get(job.fold, passes=job.passes)
    records = [
        decode_record(raw, process=job.process, slot=slot)
        for slot, raw in enumerate(job.records, job.first)
    ]
    if not job.before:
        try:
            return Ran([], start(fold, read_step(job.process, 0, records[0])))
        except FoldError as error:
            return Ran([Result(b"", code=error.code, reason=str(error))], b"")
    steps = (
        None if is_failure(record) else read_step(job.process, slot, record, number=job.number)
        for slot, record in enumerate(records, job.first)
    )
    until_ms = now_ms() + FOLD_JOB_MS
    ran = run(fold, job.before, steps, is_alone=job.is_alone, is_late=lambda: now_ms() >= until_ms)
    return Ran(*ran)


def _import_fold(place: str) -> Fold:
    module, _, name = place.partition(":")
    try:
        found = getattr(import_module(module), name)
    except BaseException as error:
        # Whatever that module does when it is imported, the operator hears which one it is.
        raise UnsupportedError(
            f"the fold {place} cannot be loaded: {type(error).__name__}: {error}; name it as "
            "module:name"
        ) from error
    if not isinstance(found, Fold):
        raise UnsupportedError(f"{place} is no fold; decorate a function with seriatim.fold")
    return found
