"""The blocking twin of `embedded.py`: a loop on a thread of its own, for programs without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from seriatim.actors import embedded
from seriatim.actors.embedded import EmbeddedNode, Entry, Receipt
from seriatim.actors.proof import Report
from seriatim.formats.errors import StoppingError
from seriatim.formats.message import Value
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet

T = TypeVar("T")


class BlockingNode:
    """A node in this OS process, for blocking code. Safe from several threads."""

    def __init__(self, node: EmbeddedNode, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._loop = loop

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
        if self._loop.is_closed():
            work.close()
            raise StoppingError("this node is closed; open the folder again")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def open_blocking(
    path: str | Path, *, wallet: Wallet | Path | None = None
) -> Iterator[BlockingNode]:
    """Open a data folder for blocking code; arguments and errors as in `embedded.open`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="seriatim", daemon=True)
    thread.start()
    try:
        opening = embedded.open(path, wallet=wallet)
        node = asyncio.run_coroutine_threadsafe(opening.__aenter__(), loop).result()
        try:
            yield BlockingNode(node, loop)
        finally:
            closing = opening.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(closing, loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
