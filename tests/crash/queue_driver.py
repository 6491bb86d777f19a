"""A program with a queue in it, to be killed: ``python -m tests.crash.queue_driver FOLDER LIFE``.

It submits jobs that wait for each other, and works them with workers that end with it. What it says
is one line of JSON each: ``ready``, ``submitted`` and ``done`` with a job's id, when that is on
disk. With ``last`` for LIFE it submits nothing, and ends when no job is left.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import seriatim
from seriatim.actors.queue.commands import Change, Claim, Done, Report
from seriatim.formats.errors import StoreLockedError
from seriatim.formats.jobs.spec import read_asked
from tests.crash.driver import say

if TYPE_CHECKING:
    from seriatim.actors.queue.queues import Queues

QUEUE = "mail"
WORKERS = 3
LAST = "last"
RETRY_S = 0.05
WAIT_MS = 100
CRASHES_MAX = 1_000


async def submit(queues: Queues, life: str) -> None:
    """Submit jobs, a few at a time, for as long as the program lives."""
    random = Random(life)
    jobs: list[str] = []
    for number in count():
        batch: list[dict[str, Any]] = []
        for place in range(random.randint(1, 4)):
            job = f"{life}-{number}-{place}"
            parents = random.sample(jobs, min(len(jobs), random.randint(0, 2)))
            said = {"id": job, "type": "a", "after": parents, "inputs": parents}
            batch.append({**said, "crashes_max": CRASHES_MAX, "args": {"n": number}})
            jobs.append(job)
        del jobs[:-9]
        submitted = await queues.submit(QUEUE, [read_asked(each) for each in batch])
        say({"submitted": [each.id for each in submitted]})


async def work(queues: Queues, worker: str) -> None:
    """Do what there is to do, and say so."""
    while True:
        claim = Claim(worker, frozenset({"a"}), commands=False, room=2, is_local=True)
        claimed = await queues.claim(QUEUE, claim, wait_ms=WAIT_MS)
        for grant in claimed.grants:
            assert set(grant.inputs) == set(grant.spec["inputs"]), "its parents are done"
            result = b'"%s"' % grant.id.encode()
            reported = await queues.report(
                QUEUE, Report(worker, [Done(grant.id, grant.token, result)])
            )
            assert not reported.refused
            say({"done": grant.id, "token": grant.token})


async def main(folder: Path, life: str) -> None:
    """Run the node; whoever has started it ends it, but for the last time."""
    while True:
        try:
            async with seriatim.open(folder) as node:
                await live(node._node.queues, life)
                return
        except StoreLockedError:  # by the one that was killed, for a moment
            await asyncio.sleep(RETRY_S)


async def live(queues: Queues | None, life: str) -> None:
    """Submit and work."""
    assert queues is not None
    await queues.change(QUEUE, Change({"types": {"a": 4}}))
    say({"ready": life})
    tasks = [asyncio.ensure_future(work(queues, f"{life}/{n}")) for n in range(WORKERS)]
    if life != LAST:
        tasks.append(asyncio.ensure_future(submit(queues, life)))
        await asyncio.gather(*tasks)
    while await queues.idle(QUEUE, wait_ms=WAIT_MS) is None:
        pass
    for task in tasks:
        task.cancel()
    say({"ended": life})


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
