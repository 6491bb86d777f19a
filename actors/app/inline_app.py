"""An app without a node, for tests of blocking code: a job has run when it was submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seriatim.actors.app.blocking import BlockingApp

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.inline import InlineJobs
    from seriatim.actors.app.job_function import JobFunction


class InlineApp(BlockingApp):
    """`BlockingApp` whose jobs run in the caller's thread, before `submit` returns.

    Attributes:
        jobs: what was submitted.
    """

    def __init__(self, app: App, jobs: InlineJobs) -> None:
        """Submit to *jobs*, to which *app* is attached."""
        super().__init__(app, _Opened(), jobs.driver)
        self.jobs = jobs

    def assert_enqueued(
        self, function: JobFunction[Any, Any, Any], *, times: int | None = None, **arguments: Any
    ) -> None:
        """See `InlineJobs.assert_enqueued`."""
        self.jobs.assert_enqueued(function, times=times, **arguments)


class _Opened:
    """What `BlockingApp` needs of an open app."""

    async def drain(self, timeout: float | None) -> None:  # noqa: ASYNC109  # also blocking
        """Return: nothing is left."""
        del timeout
