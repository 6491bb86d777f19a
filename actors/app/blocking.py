"""Apps for blocking code: a loop on a thread of its own does what has to be awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from seriatim.actors.app.arguments import Output
from seriatim.actors.app.job_function import submit_call
from seriatim.actors.app.prepared import submit_prepared

if TYPE_CHECKING:
    from seriatim.actors.app.access import Driver
    from seriatim.actors.app.app import App
    from seriatim.actors.app.handle import Handle
    from seriatim.actors.app.job_function import Submitting
    from seriatim.actors.app.prepared import Prepared
    from seriatim.formats.jobs.state import JobState

P = ParamSpec("P")
R = TypeVar("R")


class Opened(Protocol):
    """What is needed of an app that is open: `RunningApp`, or one without a node."""

    async def drain(self, timeout: float | None) -> None:  # noqa: ASYNC109  # also blocking
        """Return when no queue of the app has a job left."""


class BlockingHandle(Output[R]):
    """`Handle` for blocking code. Safe from several threads.

    Attributes:
        id: the job's.
        handle: the same for coroutines.
    """

    __slots__ = ("_thread", "handle")

    def __init__(self, handle: Handle[R], thread: Driver) -> None:
        super().__init__(handle.id)
        self.handle = handle
        self._thread = thread

    def result(self, timeout: float | None = None) -> R:
        """Return what the job has returned, once it has; see `Handle.result`."""
        return self._thread.run(self.handle.result(timeout))

    def show(self) -> Mapping[str, Any]:
        """Return what there is to say of the job; see `Handle.show`."""
        return self._thread.run(self.handle.show())

    def state(self) -> JobState:
        """Return where the job is; see `Handle.state`."""
        return self._thread.run(self.handle.state())

    def logs(self) -> str:
        """Return what the job has printed; see `Handle.logs`."""
        return self._thread.run(self.handle.logs())

    def cancel(self, reason: str = "its submitter wants it no more") -> None:
        """Have the job not run, or stop; see `Handle.cancel`."""
        self._thread.run(self.handle.cancel(reason))

    def retry(self) -> None:
        """Have the job run once more; see `Handle.retry`."""
        self._thread.run(self.handle.retry())


class BlockingJobs:
    """Submits jobs for blocking code: in a job, that is ``seriatim.current_job().jobs``.

    Safe from several threads, not in a fork.
    """

    def __init__(self, app: App, thread: Driver) -> None:
        """Submit to *app*, in *thread*."""
        self._app = app
        self._thread = thread

    def submit(
        self, function: Submitting[P, R], *args: P.args, **named: P.kwargs
    ) -> BlockingHandle[R]:
        """Submit a job that calls *function*; see `JobFunction.submit`."""
        handle = self._thread.run(submit_call(function, args, named))
        return BlockingHandle(handle, self._thread)

    def submit_all(self, *prepared: Prepared[Any]) -> list[BlockingHandle[Any]]:
        """Submit jobs, all of them or none; see `App.submit`."""
        handles = self._thread.run(submit_prepared(self._app, prepared))
        return [BlockingHandle(handle, self._thread) for handle in handles]


class BlockingApp(BlockingJobs):
    """`RunningApp` for blocking code. Safe from several threads, not in a fork."""

    def __init__(self, app: App, opened: Opened, thread: Driver) -> None:
        super().__init__(app, thread)
        self._opened = opened

    def drain(self, timeout: float | None = None) -> None:
        """Return when no queue of the app has a job left; see `RunningApp.drain`."""
        self._thread.run(self._opened.drain(timeout))
