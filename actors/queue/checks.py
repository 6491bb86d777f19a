"""Whether jobs may be submitted, looked at before any of them is: all of a batch, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    QueueFullError,
    RefusedError,
    TakenError,
)
from seriatim.formats.jobs.job_id import is_made_id
from seriatim.formats.jobs.raw_json import dump_json
from seriatim.formats.jobs.spec import OF_ONE_JOB, spec_bytes
from seriatim.formats.jobs.state import MOVES, Step
from seriatim.formats.limits import (
    JOBS_NAMED_MAX,
    QUEUE_SUBMIT_MAX,
    QUEUE_SUBMIT_MAX_BYTES,
    RETRY_AFTER_MS,
)

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.formats.jobs.job import Job, Spec
    from seriatim.formats.jobs.spec import Asked


# Where a job may be right after its submission.
_SUBMITTED: Final = MOVES[Step.SUBMIT][1]
# What may not differ where the same is submitted again.
_OWN: Final = OF_ONE_JOB - {"due_ms", "deadline_ms", "trace"}


def check_submit(fold: QueueFold, jobs: Sequence[Asked]) -> list[str | None]:
    """Return, for each of *jobs*, its id where it was submitted before, and else ``None``.

    Each of them has an id.

    Raises:
        LimitExceededError: too many at once, or too much.
        QueueFullError: it would have more live jobs than it may.
        TakenError: another job has the id of one of them; one is another job by its unique key,
            and is waited for.
        MalformedError: an id is there twice, or a deadline is over (``bad_job``); jobs wait for
            each other in a circle (``cycle``).
        NotFoundError: one waits for a job that is not there, and that nobody could still submit.
        RefusedError: one takes tokens that the queue does not have; code ``no_such_token``.
    """
    if len(jobs) > QUEUE_SUBMIT_MAX:
        raise LimitExceededError(
            "number of jobs at once", given=len(jobs), maximum=QUEUE_SUBMIT_MAX
        )
    size_bytes = sum(spec_bytes(asked.spec) for asked in jobs)
    if size_bytes > QUEUE_SUBMIT_MAX_BYTES:  # in the slot there are others, too
        raise LimitExceededError(
            "size of jobs at once in bytes", given=size_bytes, maximum=QUEUE_SUBMIT_MAX_BYTES
        )
    fresh: dict[str, Asked] = {}
    known: list[str | None] = []
    for asked in jobs:
        existing = None if asked.is_new else fold.job(asked.id)
        if existing is not None:
            _check_same(existing, asked)
        elif asked.id in fresh:
            raise MalformedError(f"two of the jobs have the id {asked.id}", code="bad_job")
        else:
            fresh[asked.id] = asked
        known.append(None if existing is None else asked.id)
    if len(fold.live) + len(fresh) > fold.settings.jobs_max:
        jobs_max = fold.settings.jobs_max
        raise QueueFullError(fold.queue, jobs_max=jobs_max, retry_after_ms=RETRY_AFTER_MS)
    for asked in fresh.values():
        _check_deadline(fold, asked)
        _check_tokens(fold, asked.spec)
        for parent, _ in _after(asked):
            if is_made_id(parent) and parent not in fresh and fold.job(parent) is None:
                raise NotFoundError(
                    f"no job {parent} in queue {fold.queue}, for which {asked.id} is to wait"
                )
    _check_no_cycle(fold, fresh)
    _check_doubles(fold, fresh)
    return known


def _check_doubles(fold: QueueFold, fresh: Mapping[str, Asked]) -> None:
    """Refuse a job that is, or may be, another one by its key while somebody waits for its own id.

    That id would never be anybody's.
    """
    named = {parent: asked.id for asked in fresh.values() for parent, _ in _after(asked)}
    before: dict[str, str] = {}
    for asked in fresh.values():
        unique = asked.spec.get("unique")
        if unique is None:
            continue
        other = double_of(fold, asked.spec)
        if other is None and _may_be_double(unique):
            other = before.get(unique["key"])
        before[unique["key"]] = asked.id
        child = named.get(asked.id) or next(iter(fold.children(asked.id)), None)
        if other is not None and child is not None:
            raise TakenError(
                f"job {asked.id} is job {other} already, by its unique key, so that {child} would "
                f"wait for {asked.id} for ever: have it wait for {other}, or choose another key"
            )


def _after(asked: Asked) -> Iterable[tuple[str, str]]:
    after: Iterable[tuple[str, str]] = asked.spec.get("after", ())
    return after


def _may_be_double(unique: Mapping[str, Any]) -> bool:
    """Tell whether a job may be the one that was submitted right before it under its key.

    In which state that one would be then is not looked through.
    """
    return unique.get("window_ms") != 0 and not _SUBMITTED.isdisjoint(
        unique.get("states", _SUBMITTED)
    )


def check_retry(fold: QueueFold, job: Job) -> None:
    """Return when *job*, which has ended badly, would be the only one of its kind again.

    Raises:
        TakenError: it would be a second one, by its unique key.
    """
    other = double_of(fold, job.spec)
    if other is not None and other != job.id:
        raise TakenError(
            f"job {job.id} would be a second one beside job {other}, by its unique key: "
            "retry it when that one has ended, or was cancelled"
        )


def double_of(fold: QueueFold, spec: Spec) -> str | None:
    """Return the job that another one of *spec* would be a second one of; ``None`` for none.

    Of several jobs under one unique key, the last one counts.
    """
    unique = spec.get("unique")
    last = fold.uniques.last(unique["key"]) if unique else None
    if unique is None or last is None:
        return None
    job_id, submitted_ms = last
    window_ms = unique.get("window_ms")
    job = fold.job(job_id)
    if job is None or (window_ms is not None and submitted_ms + window_ms <= fold.at_ms):
        return None
    states = unique.get("states")
    is_same = job.state in states if states else not job.state.is_ended
    return job_id if is_same else None


def _check_same(job: Job, asked: Asked) -> None:
    if job.type != asked.type or _own(job.spec) != _own(asked.spec):
        raise TakenError(f"job {job.id} is there, and is another one; choose another id")


def _own(spec: Spec) -> bytes:
    """Return what of *spec* makes the job what it is.

    Not its times and its span: who asks again does so at another moment. Nor what may be said of
    its type, too: who asks again may be a newer version of the program.
    """
    own = {key: value for key, value in spec.items() if key in _OWN}
    return dump_json(own, orjson.OPT_SORT_KEYS)


def _check_deadline(fold: QueueFold, asked: Asked) -> None:
    deadline_ms = asked.spec.get("deadline_ms")
    if deadline_ms is not None and deadline_ms <= fold.wall_ms:
        raise MalformedError(
            f"deadline: it is over ({deadline_ms} ms since 1970; it is {fold.wall_ms} now), so "
            f"that job {asked.id} would never run",
            code="bad_job",
        )


def _check_tokens(fold: QueueFold, spec: Spec) -> None:
    takes: Mapping[str, int] = spec.get("takes", {})
    for token, count in takes.items():
        if count > fold.settings.capacity(token):
            raise RefusedError(
                f"it takes {count} of {token!r}, and queue {fold.queue} has "
                f"{fold.settings.capacity(token)}: set its resources first",
                code="no_such_token",
            )


def _check_no_cycle(fold: QueueFold, fresh: Mapping[str, Asked]) -> None:
    """Refuse jobs that would wait for themselves.

    A circle has to lead through a job that something waits for before it is submitted. Where none
    of those that are there waits for one of these, it is among these: chains may be long.
    """
    is_awaited = any(fold.children(job) for job in fresh)

    def parents(job: str) -> Iterable[str]:
        if job in fresh:
            return [parent for parent, _ in _after(fresh[job])]
        live = fold.live.get(job) if is_awaited else None
        return sorted(live.waits) if live is not None and live.waits else ()

    named = {parent for asked in fresh.values() for parent, _ in _after(asked)}
    seen: set[str] = set()
    for start in fresh:
        if start in named or fold.children(start):
            circle = _circle(start, parents, seen)
            if circle:
                names = circle[:JOBS_NAMED_MAX] + ["…"] * (len(circle) > JOBS_NAMED_MAX)
                raise MalformedError(
                    f"these jobs wait for each other: {' → '.join(names)}", code="cycle"
                )


def _circle(start: str, parents: Callable[[str], Iterable[str]], seen: set[str]) -> list[str]:
    """Return the first circle on the ways from *start* up, its first job twice; empty for none.

    Depth first, without recursion: chains may be long. *seen* is left out, and grows.
    """
    way: dict[str, None] = {}
    todo = [(start, False)]
    while todo:
        job, is_left = todo.pop()
        if is_left:
            del way[job]
        elif job in way:
            names = list(way)
            return [*names[names.index(job) :], job]
        elif job not in seen:
            seen.add(job)
            way[job] = None
            todo.append((job, True))
            todo.extend((parent, False) for parent in parents(job))
    return []
