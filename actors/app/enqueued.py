"""Finding the jobs that a test expects, by the function and its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from seriatim.formats.jobs.raw_json import RawJson

if TYPE_CHECKING:
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.jobs.spec import Asked


def is_job_of(
    job: Job | Asked, function: JobFunction[Any, Any, Any], arguments: Mapping[str, Any]
) -> bool:
    """Tell whether *job* calls *function* with *arguments*; others of its may be what they are."""
    plain = _arguments(job)
    return (
        job.type == function.type
        and isinstance(plain, dict)
        and all(name in plain and plain[name] == value for name, value in arguments.items())
    )


def expect_enqueued(
    jobs: Sequence[Job | Asked],
    function: JobFunction[Any, Any, Any],
    times: int | None,
    arguments: Mapping[str, Any],
) -> None:
    """Return when so many of *jobs* call *function* with *arguments*.

    Args:
        jobs: what there is.
        function: of an app.
        times: so many, and no more; ``None`` for one or more.
        arguments: by name.

    Raises:
        AssertionError: there is none, or not so many; it says what there is.
    """
    found = sum(is_job_of(job, function, arguments) for job in jobs)
    if (times is None and not found) or (times is not None and found != times):
        wanted = "at least one" if times is None else str(times)
        known = [f"{job.type}{_arguments(job)}" for job in jobs]
        raise AssertionError(
            f"expected {wanted} of {function.type}{dict(arguments)}, found {found}; "
            f"there are: {known}"
        )


def _arguments(job: Job | Asked) -> Any:
    args = job.spec.get("args")
    return orjson.loads(args.raw) if isinstance(args, RawJson) else {}
