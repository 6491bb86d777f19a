"""``seriatim job cancel``, ``retry`` and ``remove``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from seriatim.gateway.cli.jobs.found import find_queue
from seriatim.gateway.cli.jobs.options import AnyQueue, Job
from seriatim.gateway.cli.reach import Plain, Reach, of_node
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


def _changing(method: str, *more: str, says: str) -> Callable[..., None]:
    """Return the command that asks for a change of one job.

    Args:
        method: of HTTP.
        more: what stands behind the job in the path.
        says: what the command does, for its help.
    """

    @of_node
    def change(
        reach: Reach,
        job: Job,
        queue: AnyQueue = None,
    ) -> None:
        async def ask(client: ApiClient) -> Plain:
            where = await find_queue(client, job, queue)
            return await client.ask(method, ("queues", where, "jobs", job, *more))

        reach.tell(ask, _lines)

    change.__doc__ = says
    return change


def _lines(found: Plain) -> Iterator[str]:
    stops = "  (its worker is asked to stop)" if found.get("cancelling") else ""
    yield f"{field(found, 'id', str)}  {field(found, 'state', str)}{stops}"


cancel: Final = _changing("POST", "cancel", says="Have JOB not run, or stop.")
retry: Final = _changing("POST", "retry", says="Have JOB, which has failed, run once more.")
remove: Final = _changing("DELETE", says="Forget JOB, which has ended.")
