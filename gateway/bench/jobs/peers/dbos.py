"""DBOS on PostgreSQL: a queue of workflows, looked at every 5 ms by the program that fills it."""

from __future__ import annotations

from typing import Any, Final

from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

_LOOK_S: Final = 0.005


def main() -> None:
    """Produce and work, until stdin ends."""
    import dbos  # noqa: PLC0415  # nothing else needs it

    stage = Stage.of_this_process()
    url = stage.urls["postgres"]
    app: Any = dbos.DBOS
    app(config={"name": "bench", "system_database_url": url, "log_level": "WARNING"})
    job = app.workflow(name="job")(run_job)
    app.launch()
    queue = app.register_queue("bench", polling_interval_sec=_LOOK_S)
    produce(lambda number: queue.enqueue(job, number))
    app.destroy()


if __name__ == "__main__":
    main()
