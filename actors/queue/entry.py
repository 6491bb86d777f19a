"""What people may say to a queue, looked at before its clerk sees it.

Whoever lives in the node's program may say anything; what no row or slot can carry would be found
as the slot is made, and fail everybody in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.actors.queue.commands import Cancel, Purge, Remove, Reprioritise, Retry
from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.state import WAITING
from seriatim.formats.limits import JOB_NAME_MAX_CHARS, JOB_PRIORITY_MAX, JOB_REASON_MAX_CHARS

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Command


def checked(command: Command) -> Command:
    """Return *command*; a reason that is too long is cut.

    Raises:
        NotFoundError: no job has that id.
        MalformedError: a reason is no text, or no Unicode, or a priority is beyond its bounds; code
            ``bad_job``; or a purge is of no state that waits, code ``bad_state``.
    """
    if isinstance(command, Purge) and command.state not in WAITING:
        expected = ", ".join(sorted(WAITING))
        raise MalformedError(
            f"state: expected one of {expected}, found {str(command.state)[:64]!r}",
            code="bad_state",
        )
    if not isinstance(command, Cancel | Retry | Reprioritise | Remove):
        return command
    try:
        check_name(command.job, "job")
    except MalformedError as error:
        name = str(command.job)[:JOB_NAME_MAX_CHARS]
        raise NotFoundError(f"no job {name!r} here: that is the id of none") from error
    if isinstance(command, Reprioritise):
        _check_priority(command.priority)
    if isinstance(command, Cancel):
        return command._replace(reason=_reason(command.reason))
    return command


def _check_priority(priority: int) -> None:
    is_whole = isinstance(priority, int) and not isinstance(priority, bool)
    if not is_whole or abs(priority) > JOB_PRIORITY_MAX:
        expected = f"a whole number of -{JOB_PRIORITY_MAX} to {JOB_PRIORITY_MAX}"
        raise MalformedError(
            f"priority: expected {expected}, found {str(priority)[:64]!r}", code="bad_job"
        )


def _reason(reason: object) -> str:
    if not isinstance(reason, str):
        raise MalformedError(f"reason: expected a text, found {str(reason)[:64]!r}", code="bad_job")
    text = reason[:JOB_REASON_MAX_CHARS]
    try:
        text.encode()
    except UnicodeError as error:
        found = repr(text)[:64]
        raise MalformedError(f"reason: expected Unicode, found {found}", code="bad_job") from error
    return text
