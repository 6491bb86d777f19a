"""huey on SQLite, with one worker thread that looks for jobs every 2 ms.

Every 10 ms, jobs were picked up after 6 ms and not after 2, at the same rates; every 1 ms was no
faster, and the worker took 7 % of a core while it had nothing to do.
"""

from __future__ import annotations

import sys
from typing import Final

from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

_LOOK_S: Final = 0.002


def main(role: str) -> None:
    """Work, or produce."""
    from huey import SqliteHuey  # noqa: PLC0415  # nothing else needs it

    stage = Stage.of_this_process()
    huey = SqliteHuey(filename=str(stage.folder / "huey.db"), fsync=True, journal_mode="wal")
    job = huey.task(name="job")(run_job)
    if role == "work":
        huey.on_startup(name="ready")(stage.say_ready)
        huey.create_consumer(
            workers=1, worker_type="thread", initial_delay=_LOOK_S, max_delay=_LOOK_S
        ).run()
    else:
        produce(job)


if __name__ == "__main__":
    main(sys.argv[1])
