"""Beginning a worker: with what it runs jobs in, for as long as somebody else lives."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from seriatim.actors.executor.executor import Executor
from seriatim.actors.worker.running import Runner
from seriatim.actors.worker.threads import Threads
from seriatim.actors.worker.worker import Worker
from seriatim.formats.limits import JOB_NAME_MAX_CHARS, WORKER_BEAT_MS

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.guard import LoopGuard
    from seriatim.actors.worker.handler import Handler
    from seriatim.actors.worker.port import JobsPort


def begin_worker(
    stack: AsyncExitStack,
    port: JobsPort,
    *,
    queue: str,
    handlers: Mapping[str, Handler],
    room: int,
    clock: Clock,
    entropy: Callable[[int], bytes],
    is_local: bool,
    guard: LoopGuard,
    takes_commands: bool = False,
    category: str = "",
    beat_ms: int = WORKER_BEAT_MS,
) -> Worker:
    """Begin to run jobs of *queue*; what runs when *stack* is closed is stopped, and given back.

    Args:
        stack: closes the worker, and then what it runs jobs in.
        port: its queues.
        queue: the queue's name.
        handlers: what runs jobs that are functions, by type.
        room: how many at once, 1 or more.
        clock: for heartbeats and timeouts.
        entropy: gives that many random bytes, for its name.
        is_local: whether it ends with the node.
        guard: notices when jobs hold the event loop.
        takes_commands: whether it runs commands, too.
        category: what it is counted under; see `WorkerStatus`.
        beat_ms: how often it says how it is.
    """
    executor = Executor(clock, os.environ, room)
    stack.push_async_callback(executor.close)
    worker = Worker(
        port,
        name=_name(queue, entropy),
        queue=queue,
        runner=Runner(handlers, Threads(f"seriatim-{queue}"), executor),
        room=room,
        clock=clock,
        is_local=is_local,
        takes_commands=takes_commands,
        category=category,
        beat_ms=beat_ms,
        guard=guard,
    )
    worker.start()
    stack.push_async_callback(worker.close)
    return worker


def _name(queue: str, entropy: Callable[[int], bytes]) -> str:
    """Return a name for a worker of *queue* that no other one has, or has had."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:24]
    own = f".{host}.{os.getpid()}.{entropy(4).hex()}"
    return queue[: JOB_NAME_MAX_CHARS - len(own)] + own
