"""A job queue over a pipe with a name, as a contender of the bench: right, or with one fault.

Run on a stage as ``python toy_queue.py work [FAULT]``, ``produce`` or ``alone``: `toy_contender`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from seriatim.gateway.bench.jobs.contender import Contender, Server
from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

NUMBER_BYTES = 8
LOST = 5
"""By the fault ``lose``, every job with a number that this divides is never run."""


def toy_contender(
    name: str = "toy",
    *,
    fault: str = "",
    alone: bool = False,
    package: str = "seriatim",
    servers: Sequence[Server] = (),
    is_ours: bool = False,
    stalled_s: float = 10.0,
) -> Contender:
    command = (sys.executable, __file__)
    return Contender(
        name=name,
        package=package,
        durability="none at all",
        producer=(*command, "alone" if alone else "produce"),
        worker=None if alone else (*command, "work", fault),
        servers=servers,
        is_ours=is_ours,
        stalled_s=stalled_s,
    )


def work(fault: str) -> None:
    if fault == "die":
        sys.exit("there is no such queue")
    stage = Stage.of_this_process()
    queue = stage.folder / "queue"
    os.mkfifo(queue)
    # For both ends: a pipe whose last writer closes it has no end then.
    jobs = os.open(queue, os.O_RDWR)
    stage.say_ready()
    while number := int.from_bytes(os.read(jobs, NUMBER_BYTES), "little"):
        if fault == "lose" and number % LOST == 0:
            continue
        run_job(number - 1)
        if fault == "die later" and number > 1:
            os._exit(7)
        if fault == "again":
            run_job(number - 1)


def main(role: str, *fault: str) -> None:
    if role == "work":
        work(*fault)
    elif role == "alone":
        produce(run_job)
    else:
        queue = os.open(Stage.of_this_process().folder / "queue", os.O_WRONLY)
        produce(lambda number: os.write(queue, (number + 1).to_bytes(NUMBER_BYTES, "little")))


if __name__ == "__main__":
    main(*sys.argv[1:])
