"""An app without a node, for tests of blocking code: a job has run when it was submitted."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from seriatim.actors.app.blocking import BlockingApp
from seriatim.formats.errors import RefusedError

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.app.inline import InlineJobs
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.actors.app.prepared import Prepared

T = TypeVar("T")


class InlineApp(BlockingApp):
    """`BlockingApp` whose jobs run in the caller's thread, before `submit` returns.

    Attributes:
        jobs: what was submitted.
    """

    def __init__(self, app: App, jobs: InlineJobs) -> None:
        """Submit to *jobs*, to which *app* is attached."""
        super().__init__(_Opened(app), _Here())
        self.jobs = jobs

    def assert_enqueued(
        self, function: JobFunction[Any, Any, Any], *, times: int | None = None, **arguments: Any
    ) -> None:
        """See `InlineJobs.assert_enqueued`."""
        self.jobs.assert_enqueued(function, times=times, **arguments)


class _Opened:
    """What `BlockingApp` needs of an open app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def submit(self, *prepared: Prepared[Any]) -> list[Handle[Any]]:
        return await self._app.submit(*prepared)

    async def drain(self) -> None:
        """Return: nothing is left."""


class _Here:
    """Runs coroutines that wait for nothing, without a loop: a job may submit another one."""

    def run(self, work: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Return what comes of *work*.

        Raises:
            RefusedError: it waits for something, as a coroutine function on a loop does; code
                ``on_loop``.
        """
        del timeout
        try:
            work.send(None)
        except StopIteration as done:
            value: T = done.value
            return value
        work.close()
        raise RefusedError(
            "on an event loop, a job that is a coroutine function is not submitted by blocking "
            "code: await its submit(…)",
            code="on_loop",
        )
