"""The blocking twin of `node.py`: a loop on a thread of its own, for programs without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Unpack

from seriatim.actors.embedding import node as embedded
from seriatim.actors.embedding.blocking_triggers import BlockingTriggers
from seriatim.actors.embedding.loop_thread import LoopThread, on_a_thread
from seriatim.actors.embedding.node import Computed, EmbeddedNode, Entry, Receipt
from seriatim.actors.embedding.triggers import Function, TriggerOptions
from seriatim.actors.proof import Report
from seriatim.formats.folds.fold import Fold
from seriatim.formats.message import Value
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet


class BlockingNode:
    """A node in this OS process, for blocking code. Safe from several threads, not in a fork."""

    def __init__(self, node: EmbeddedNode, thread: LoopThread) -> None:
        self._node = node
        self._run = thread.run
        self._thread = thread

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

    def close(self) -> None:
        """Take no more calls and have the node closed; the end of the block waits for it."""
        self._thread.close()


@contextmanager
def open_blocking(
    path: str | Path,
    *,
    wallet: Wallet | str | Path | None = None,
    folds: Sequence[Fold] = (),
) -> Iterator[BlockingNode]:
    """Open a data folder for blocking code; arguments and errors as in `embedded.open`."""

    def opening() -> AbstractAsyncContextManager[EmbeddedNode]:
        return embedded.open(path, wallet=wallet, folds=folds)

    with on_a_thread(opening) as (node, thread):
        yield BlockingNode(node, thread)


async def _decorated(decorator: Callable[[Function], Function], function: Function) -> Function:
    return decorator(function)
