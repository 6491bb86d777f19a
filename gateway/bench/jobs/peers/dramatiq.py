"""dramatiq on Redis, by its own command: one OS process of 8 worker threads."""

from __future__ import annotations

import sys
from typing import Any

from seriatim.gateway.bench.jobs.producer import produce
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

_WORK = ("dramatiq", "--processes", "1", "--threads", "8")


def declare() -> Any:
    """Return the actor whose messages are the jobs; its broker is the one of this OS process."""
    import dramatiq  # noqa: PLC0415  # nothing else needs it
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415  # as above

    stage = Stage.of_this_process()

    class SayReady(dramatiq.Middleware):  # type: ignore[misc]  # its type is not there to be read
        """Tells the run that the worker is there."""

        def after_worker_boot(self, broker: Any, worker: Any) -> None:
            """Take it as it comes."""
            del broker, worker
            stage.say_ready()

    broker: Any = RedisBroker(url=stage.urls["redis"])
    broker.add_middleware(SayReady())
    dramatiq.set_broker(broker)
    return dramatiq.actor(run_job, actor_name="job")


def main(role: str) -> None:
    """Work, or produce."""
    if role == "work":
        from dramatiq.cli import main as command  # noqa: PLC0415  # as above

        sys.argv = [*_WORK, "seriatim.gateway.bench.jobs.peers.dramatiq:declare"]
        sys.exit(command())
    produce(declare().send)


if __name__ == "__main__":
    main(sys.argv[1])
