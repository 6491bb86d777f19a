"""Celery on Redis, with a pool of two OS processes and late acknowledgement."""

from __future__ import annotations

import sys
from typing import Any, Final

from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

_CONNECTIONS: Final = 64
_WORK: Final = (
    *("worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)


def main(role: str) -> None:
    """Work, or produce."""
    import celery  # noqa: PLC0415  # nothing else needs it
    from celery.signals import worker_ready  # noqa: PLC0415  # as above

    stage = Stage.of_this_process()
    app: Any = celery.Celery("bench", broker=stage.urls["redis"])
    app.conf.update(task_acks_late=True, task_ignore_result=True, broker_pool_limit=_CONNECTIONS)
    job = app.task(name="job")(run_job)
    if role == "work":

        def say_ready(**_: Any) -> None:
            stage.say_ready()

        worker_ready.connect(say_ready, weak=False)
        app.worker_main(list(_WORK))
    else:
        produce(job.delay)


if __name__ == "__main__":
    main(sys.argv[1])
