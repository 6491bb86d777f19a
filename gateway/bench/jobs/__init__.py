"""``seriatim bench jobs``: job queues side by side, in one run on one machine, all of them durable.

A **contender** (`contender.py`) is a product and the commands that start it. Of each, in each
round, on fresh servers in a fresh folder:

* as fast as possible, with one caller and with many at once: a producer calls the product's own way
  to enqueue one job, over and over, while its worker runs them. Jobs per second count from before
  the first call to the beginning of the last function; calls per second to the end of the last one.
* paced, at 50 jobs per second: how long from before the call to the beginning of the function.

Ours may have **twins**, of which one thing is otherwise: a million jobs in its queue have ended, a
monitor looks at its folder. A twin is held against ours round by round: what disturbs the machine
for a while disturbs both.

How many jobs there are comes from a warm-up, so that a slow one takes about as long as a fast one.
The producer and the worker are OS processes of their own, but for a product whose own way is one.

To add a contender, write a program that is its worker and its producer, and a `Contender` that
names their commands; `peers/huey.py` is a short one. The program finds out where it is by
`Stage.of_this_process()` (`stage.py`): a folder for its files, and the URLs of the servers that the
contender has asked for. As a worker it runs `record.run_job` for each job and calls
`Stage.say_ready()` once it takes some. As a producer it hands its enqueue call to
`producer.produce`, or `produce_async`; one without a worker works meanwhile, in threads or tasks of
its own, and ends when that returns. A server of another kind, such as a node, is a
`contender.Server`. `contenders.CONTENDERS` has all of them. Nothing else knows one from another:
what has run is known from the records of `record.py` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def main(
    *,
    peers: Sequence[str],
    seconds: float,
    rounds: int,
    finished: int,
    is_watched: bool,
    as_json: bool,
    out: Path | None,
) -> bool:
    """Measure, print the table or one JSON value, and tell whether no contender has failed.

    An aim that is not met is a finding, and no failure; a lost job is one. A contender of which
    something is not installed is named in the report, with what to install.

    Args:
        peers: names of those to measure ours beside; all for none.
        seconds: about how long each run of jobs takes.
        rounds: how many.
        finished: measure, beside ours, ours with so many finished jobs; 0 for not. As with
            *is_watched*, no peer is measured that is not named then.
        is_watched: measure, beside ours, ours with a monitor.
        as_json: print JSON instead of the table.
        out: a file that gets the JSON too.

    Raises:
        MalformedError: there is no such peer; code ``bad_peer``.
        UnavailableError: there is nobody to measure.
    """
    # The children of a run are modules of this room; they load only themselves.
    from seriatim.gateway.bench.jobs.contenders import choose_contenders  # noqa: PLC0415  # as above
    from seriatim.gateway.bench.jobs.run import run_jobs_bench  # noqa: PLC0415  # as above

    contenders = choose_contenders(peers, finished=finished, is_watched=is_watched)
    return run_jobs_bench(contenders, seconds=seconds, rounds=rounds, as_json=as_json, out=out)
