"""Jobs that are submitted or asked after: read from JSON, one or many of them in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from seriatim.actors.queue.plain import submitted_to_plain
from seriatim.actors.queue.queues import Queues
from seriatim.formats.errors import MalformedError, SchedulerError
from seriatim.formats.jobs.spec import Asked, read_asked
from seriatim.formats.limits import ENDINGS_JOBS_MAX, QUEUE_SUBMIT_MAX
from seriatim.gateway.http.api.route import Body
from seriatim.gateway.problems import Problem

SUBMISSION: Final = Body(frozenset({"jobs"}), "bad_job")
"""One submission."""
SUBMISSIONS: Final = Body(frozenset({"submissions"}), "bad_job")
"""Several of them."""


def read_jobs(said: Any) -> list[Asked]:
    """Return the jobs of one submission: a map with 1 to ``QUEUE_SUBMIT_MAX`` under ``jobs``.

    Raises:
        MalformedError: it is none; code ``bad_job``, and those of `read_asked`.
        LimitExceededError: arguments of a job are too large.
    """
    if isinstance(said, Mapping):
        SUBMISSION.check(said, "a submission")
    return [read_asked(each) for each in _some_of(said, "jobs")]


def read_submissions(said: Mapping[str, Any]) -> Sequence[Any]:
    """Return the 1 to ``QUEUE_SUBMIT_MAX`` submissions of one request, not read any further.

    Raises:
        MalformedError: there are none, or too many; code ``bad_job``.
    """
    return _some_of(said, "submissions")


def read_ids(said: Mapping[str, Any]) -> Sequence[str]:
    """Return the ids of jobs of one request: 1 to ``ENDINGS_JOBS_MAX`` under ``jobs``.

    Raises:
        MalformedError: there are none, or too many, or one is no text; code ``bad_job``.
    """
    found = _some_of(said, "jobs", ENDINGS_JOBS_MAX)
    if not all(isinstance(each, str) for each in found):
        raise MalformedError("jobs: expected a list of ids", code="bad_job")
    return found


async def submit_each(
    queues: Queues, queue: str, submissions: Sequence[Any]
) -> list[dict[str, Any]]:
    """Submit each of *submissions*, all its jobs or none; return the answers, in their order.

    Each is answered as if it had come alone: ``jobs`` for one that is on disk, and ``problem`` for
    one that was refused. They share a slot.

    Raises:
        SchedulerError: nothing can be submitted now.
    """
    wanted: list[list[Asked] | SchedulerError] = []
    for each in submissions:
        try:
            wanted.append(read_jobs(each))
        except SchedulerError as error:
            wanted.append(error)
    readable = [each for each in wanted if isinstance(each, list)]
    # What is refused makes no queue.
    placed = iter(await queues.submit_each(queue, readable) if readable else ())
    answers: list[dict[str, Any]] = []
    for each in wanted:
        try:
            if isinstance(each, SchedulerError):
                raise each
            answers.append(submitted_to_plain(await next(placed)))
        except SchedulerError as error:
            answers.append({"problem": Problem(error).to_plain()})
    return answers


def _some_of(said: Any, key: str, most: int = QUEUE_SUBMIT_MAX) -> list[Any]:
    found = said.get(key) if isinstance(said, Mapping) else None
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise MalformedError(f"{key}: expected a list of 1 to {most} {key}", code="bad_job")
    return found
