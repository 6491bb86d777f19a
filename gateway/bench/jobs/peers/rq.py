"""RQ on Redis, with the worker that runs jobs in its own OS process; a fork for each is slower."""

from __future__ import annotations

import sys
from typing import Final

from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.stage import Stage

# A job is a name that the worker imports.
_JOB: Final = "seriatim.gateway.bench.jobs.record.run_job"


def main(role: str) -> None:
    """Work, or produce."""
    from redis import Redis  # noqa: PLC0415  # nothing else needs it
    from rq import Queue, SimpleWorker  # noqa: PLC0415  # as above

    stage = Stage.of_this_process()
    queue = Queue(connection=Redis.from_url(stage.urls["redis"]))
    if role == "work":
        stage.say_ready()
        SimpleWorker([queue], connection=queue.connection).work(logging_level="WARNING")
    else:
        produce(lambda number: queue.enqueue(_JOB, number))


if __name__ == "__main__":
    main(sys.argv[1])
