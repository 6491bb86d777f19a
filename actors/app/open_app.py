"""An app that is open, wherever its queues are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.app.handle import read_timeout
from seriatim.actors.app.prepared import submit_prepared
from seriatim.actors.queue.commands import Cancel, Change, Retry
from seriatim.formats.errors import DeadlineExceededError, MalformedError
from seriatim.formats.limits import JOB_WAIT_MS

if TYPE_CHECKING:
    from seriatim.actors.app.access import NodeJobs
    from seriatim.actors.app.app import App
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.app.prepared import Prepared

_DEFAULT: Final = "default"


class OpenApp:
    """What may be done with an app that is open."""

    def __init__(self, app: App, access: NodeJobs) -> None:
        """Be *app*, which submits to *access*."""
        self._app = app
        self._access = access

    async def submit(self, *prepared: Prepared[Any]) -> list[Handle[Any]]:
        """Submit jobs, all of them or none; see `App.submit`."""
        return await submit_prepared(self._app, prepared)

    async def drain(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # also blocking
        """Return when no queue of the app has a job left that has not ended.

        Raises:
            DeadlineExceededError: some has after *timeout* seconds.
            MalformedError: *timeout* is no number; code ``bad_value``.
        """
        limit_ms = read_timeout(timeout)
        try:
            async with asyncio.timeout(None if limit_ms == inf else limit_ms / 1_000):
                for queue in self._app.queues:
                    while await self._access.idle(queue, wait_ms=JOB_WAIT_MS) is None:
                        pass
        except TimeoutError:
            raise DeadlineExceededError(
                "the app's queues",
                deadline_ms=int(limit_ms),
                advice="their jobs go on, and can be waited for again",
            ) from None

    async def show(self, job: str, *, queue: str = "") -> Mapping[str, Any]:
        """Return what there is to say of *job*; see ``docs/jobs.md``.

        Raises:
            NotFoundError: there is no such job.
        """
        return await self._access.show(queue, job)

    async def cancel(
        self, job: str, reason: str = "somebody has cancelled it", *, queue: str = _DEFAULT
    ) -> None:
        """Have *job* not run; one that runs is asked to stop.

        Raises:
            NotFoundError: there is no such job.
            RefusedError: it has ended.
        """
        await self._access.ask(queue, Cancel(job, reason))

    async def retry(self, job: str, *, queue: str = _DEFAULT) -> None:
        """Have *job*, which has ended without success, run once more.

        Raises:
            NotFoundError: there is no such job.
            RefusedError: it has not ended so.
        """
        await self._access.ask(queue, Retry(job))

    async def set(self, queue: str = _DEFAULT, **change: Any) -> None:
        """Change the settings of *queue*; see ``docs/jobs.md``.

        Raises:
            MalformedError: there is no such setting; code ``bad_settings``.
        """
        if not isinstance(queue, str):
            raise MalformedError(
                "expected a queue and its settings by name, as set('default', kept_ms=5_000) has "
                f"them, found {queue!r:.64}",
                code="bad_settings",
            )
        await self._access.change(queue, Change(change))
