"""Where a job is, for whoever says its id only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from seriatim.gateway.api_client import ApiClient


async def find_queue(client: ApiClient, job: str, queue: str | None) -> str:
    """Return *queue*, or where none is said the queue that *job* is in.

    Raises:
        NotFoundError, RefusedError: see `QueueReader.find`.
    """
    if queue is not None:
        return queue
    return field(await client.ask("GET", ("jobs", job)), "queue", str)
