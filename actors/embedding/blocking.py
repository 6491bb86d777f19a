"""The blocking twin of `node.py`: a loop on a thread of its own, for programs without one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, Unpack

from seriatim.actors.embedding import node as embedded
from seriatim.actors.embedding.blocking_triggers import BlockingTriggers
from seriatim.actors.embedding.node import Computed, EmbeddedNode, Entry, Receipt
from seriatim.actors.embedding.triggers import Function, TriggerOptions
from seriatim.actors.proof import Report
from seriatim.formats.errors import StoppingError, StoreError
from seriatim.formats.folds.fold import Fold
from seriatim.formats.message import Value
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet

T = TypeVar("T")


class BlockingNode:
    """A node in this OS process, for blocking code. Safe from several threads, not in a fork."""

    def __init__(
        self, node: EmbeddedNode, loop: asyncio.AbstractEventLoop, closing: asyncio.Event
    ) -> None:
        self._node = node
        self._loop = loop
        self._closing = closing
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._is_closed = False

    def spawn(
        self,
        fields: Mapping[str, Value] | None = None,
        *,
        data: str | bytes = "",
        variant: str = Variant.NATIVE.tag,
    ) -> str:
        """Start a process; see `EmbeddedNode.spawn`."""
        return self._run(self._node.spawn(fields, data=data, variant=variant))

    def schedule(
        self, process: str, message: Mapping[str, Value] | bytes, *, data: str | bytes = ""
    ) -> Receipt:
        """Give a message its slot; see `EmbeddedNode.schedule`."""
        return self._run(self._node.schedule(process, message, data=data))

    def compute(self, process: str, slot: int | None = None) -> Computed:
        """Return what folds have made of slots; see `EmbeddedNode.compute`."""
        return self._run(self._node.compute(process, slot))

    def every(self, when: str, **options: Unpack[TriggerOptions]) -> Callable[[Function], Function]:
        """Have the function below called, in a thread of its own; see `EmbeddedNode.every`."""
        decorator = self._node.every(when, **options)
        return lambda function: self._run(_decorated(decorator, function))

    def cron(
        self, expression: str, **options: Unpack[TriggerOptions]
    ) -> Callable[[Function], Function]:
        """Have the function below called by a cron expression; see `EmbeddedNode.cron`."""
        decorator = self._node.cron(expression, **options)
        return lambda function: self._run(_decorated(decorator, function))

    def on(
        self, watch: Mapping[str, Value], **options: Unpack[TriggerOptions]
    ) -> Callable[[Function], Function]:
        """Have the function below called for each event; see `EmbeddedNode.on`."""
        decorator = self._node.on(watch, **options)
        return lambda function: self._run(_decorated(decorator, function))

    @property
    def triggers(self) -> BlockingTriggers:
        """The triggers of this node."""
        return BlockingTriggers(self._node.triggers, self._run)

    def read(self, process: str, first: int = 0, last: int | None = None) -> Iterator[Entry]:
        """Yield slots; see `EmbeddedNode.read`."""
        return self._node.read(process, first, last)

    def slot(self, process: str) -> int | None:
        """Return the last slot; see `EmbeddedNode.slot`."""
        return self._node.slot(process)

    def processes(self) -> Iterator[str]:
        """Yield all process ids; see `EmbeddedNode.processes`."""
        return self._node.processes()

    def verify(self, process: str) -> Report:
        """Check every slot; see `EmbeddedNode.verify`."""
        return self._node.verify(process)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of *work*, on the loop.

        Nothing reaches the loop once the node is closed; what has reached it before is finished
        or cancelled. So each call has an end.
        """
        if os.getpid() != self._pid:
            work.close()
            raise StoreError("this node runs in the OS process that has opened it, not in a fork")
        with self._lock:
            if self._is_closed:
                work.close()
                raise StoppingError("this node is closed; open the folder again")
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result()
        except CancelledError:
            raise StoppingError("this node was closed before it answered") from None

    def close(self) -> None:
        """Take no more calls and have the node closed; the end of the block waits for it."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._loop.call_soon_threadsafe(self._closing.set)


@contextmanager
def open_blocking(
    path: str | Path,
    *,
    wallet: Wallet | str | Path | None = None,
    folds: Sequence[Fold] = (),
) -> Iterator[BlockingNode]:
    """Open a data folder for blocking code; arguments and errors as in `embedded.open`."""
    opened: Future[BlockingNode] = Future()
    ended: Future[None] = Future()

    async def live() -> None:
        closing = asyncio.Event()
        async with embedded.open(path, wallet=wallet, folds=folds) as node:
            opened.set_result(BlockingNode(node, asyncio.get_running_loop(), closing))
            await closing.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001  # raised again by who waits for the thread
            if not opened.done():
                opened.set_exception(error)
            ended.set_exception(error)
        else:
            ended.set_result(None)

    thread = threading.Thread(target=run, name="seriatim", daemon=True)
    thread.start()
    try:
        yield opened.result()
    finally:
        # Also when Ctrl-C came while it was opening: closed as soon as it is open.
        opened.add_done_callback(_close)
        thread.join()
        ended.result()


async def _decorated(decorator: Callable[[Function], Function], function: Function) -> Function:
    return decorator(function)


def _close(opened: Future[BlockingNode]) -> None:
    if opened.exception() is None:
        opened.result().close()
