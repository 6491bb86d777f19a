"""What the workers of `test_pipeline` run: each job notes in a file when it begins and ends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import seriatim

FILE_VARIABLE: Final = "SERIATIM_PIPELINE_FILE"
QUEUE: Final = "pipeline"
STAGES: Final = ("ingest", "analyze", "render")
WORK_S: Final = 0.03
LOOK_S: Final = 0.01

app = seriatim.App()


def note(what: str, stage: str, name: str) -> None:
    """Have one line more in the file, whoever is killed."""
    line = f"{what} {stage} {name} {seriatim.current_job().slot}\n"
    file = os.open(os.environ[FILE_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)


def work(stage: str, name: str) -> str:
    """Take a while."""
    note("begin", stage, name)
    time.sleep(WORK_S)
    note("end", stage, name)
    return name


@app.job(queue=QUEUE, lease="1s")
def ingest(name: str) -> str:
    """Be the first stage of the pipeline *name*."""
    return work("ingest", name)


@app.job(queue=QUEUE, lease="1s")
def analyze(name: str) -> str:
    """Be the second one."""
    return work("analyze", name)


@app.job(queue=QUEUE, lease="1s")
def render(name: str) -> str:
    """Be the last one."""
    return work("render", name)


# Those in front are begun first in each life of a worker, and lost with many of them.
@app.job(
    queue=QUEUE,
    concurrency=4,
    lease="500 ms",
    crashes_max=1_000,
    backoff={"max_ms": 2_000},
)
def count(number: int) -> int:
    """Be one of many."""
    note("begin", "count", str(number))
    return number


@app.job(queue=QUEUE, concurrency=4, crashes_max=1)
def count_once(number: int) -> int:
    """Be one of many, of which none goes with its worker."""
    return count(number)


@app.job(queue=QUEUE, lease="1s")
def wait_short(folder: str) -> int:
    """See `wait`, with a worker that may not be silent for long."""
    return wait(folder)


@app.job(queue=QUEUE)
def wait_long(folder: str) -> int:
    """See `wait`."""
    return wait(folder)


def wait(folder: str) -> int:
    """Return which attempt it was when there is a file of its number in *folder*."""
    attempt = seriatim.current_job().attempt
    note("begin", "wait", str(attempt))
    while not (Path(folder) / str(attempt)).exists():
        time.sleep(LOOK_S)
    return attempt
