"""The ceiling: a row per job, made durable by bare LMDB, and no job that would run.

Run as ``python -m seriatim.gateway.bench.jobs.ceiling FIRST COUNT CALLERS PER_S`` it is a producer
like any other. A queue has more to do: it makes durable that a job is done, too.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.producer import produce_async
from seriatim.gateway.bench.jobs.stage import Stage
from seriatim.store.baseline import BareLog, GroupCommit

GROUP_COMMIT: Final = Contender(
    name="LMDB group commit",
    package="lmdb",
    durability="synced before the call returns, together with what waits meanwhile",
    producer=(sys.executable, "-m", "seriatim.gateway.bench.jobs.ceiling"),
)

_PROCESS: Final = bytes(32)
_ROW: Final = bytes(256)


async def produce_rows(folder: Path) -> None:
    """Put rows into a bare log in the folder *folder* as the command line orders."""
    loop = asyncio.get_running_loop()
    log = BareLog(folder)

    def release(durable: list[asyncio.Future[None]]) -> None:
        loop.call_soon_threadsafe(_resolve_all, durable)

    group: GroupCommit[asyncio.Future[None]] = GroupCommit(log, release)

    async def put(number: int) -> None:
        done = loop.create_future()
        group.put_nowait(done, _PROCESS, number, _ROW)
        await done

    with ThreadPoolExecutor(1) as pool:
        writing = loop.run_in_executor(pool, group.run)
        try:
            await produce_async(put)
        finally:
            group.stop()
            await writing
            log.close()


def _resolve_all(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


def main() -> None:
    """Produce on the stage of this OS process."""
    import uvloop  # noqa: PLC0415  # only this OS process needs a loop of its own

    folder = Stage.of_this_process().folder / "log"
    folder.mkdir(exist_ok=True)
    uvloop.run(produce_rows(folder))


if __name__ == "__main__":
    main()
