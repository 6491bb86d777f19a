"""An app that is open in a node of its own: it may run jobs, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.actors.app.open_app import OpenApp
from seriatim.actors.worker.begin import begin_worker
from seriatim.actors.worker.guard import LoopGuard
from seriatim.formats.errors import NotFoundError
from seriatim.formats.limits import WORKER_BEAT_MS

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from seriatim.actors.app.access import NodeJobs
    from seriatim.actors.app.app import App
    from seriatim.actors.embedding.node import EmbeddedNode
    from seriatim.actors.queue.queues import Queues
    from seriatim.actors.worker.worker import Worker


class RunningApp(OpenApp):
    """What may be done with an app that is open in a node of its own.

    Attributes:
        node: the node in this program.
        queues: its queues.
        workers: what runs jobs in this program, one for each category of a queue.
    """

    def __init__(
        self,
        node: EmbeddedNode,
        app: App,
        access: NodeJobs,
        queues: Queues,
        stack: AsyncExitStack,
    ) -> None:
        super().__init__(app, access)
        self.node = node
        self.queues = queues
        self.workers: list[Worker] = []
        self._stack = stack
        self._guard = LoopGuard(queues.clock)
        stack.callback(self._guard.close)

    async def work(self, queue: str, *, beat_ms: int = WORKER_BEAT_MS) -> None:
        """Run jobs of *queue* in this program, until the app is closed.

        Args:
            queue: its name.
            beat_ms: how often its workers say how they are.

        Raises:
            NotFoundError: no function of the app has its jobs there.
        """
        if queue not in self._app.queues:
            raise NotFoundError(
                f"no function of this app has its jobs in a queue {queue!r}; they are in: "
                f"{', '.join(self._app.queues) or 'none'}"
            )
        for category in self._app.categories(queue):
            self._begin(queue, category, beat_ms)

    def _begin(self, queue: str, category: str, beat_ms: int) -> None:
        """Begin the worker for the jobs of *queue* that are of *category*."""
        app, own = self._app, (category,)
        worker = begin_worker(
            self._stack,
            self._access,
            queue=queue,
            handlers=app.handlers(queue, own),
            room=app.room(queue, own),
            clock=self.queues.clock,
            entropy=self.queues.entropy,
            is_local=True,
            category=category,
            beat_ms=beat_ms,
            guard=self._guard,
        )
        self.workers.append(worker)
