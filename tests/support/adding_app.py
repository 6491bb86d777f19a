"""An app whose jobs add jobs, of every kind: on the loop, in a thread, and in a child."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import seriatim
from seriatim.formats.errors import SchedulerError

app = seriatim.App()
other = seriatim.App()


@app.job(concurrency=8)
async def leaf(number: int) -> int:
    return number + 1


@other.job(type="other_leaf", queue="others")
async def other_leaf(number: int) -> int:
    return number + 100


@app.job(queue="adding")
async def on_loop(number: int) -> int:
    return await (await leaf.submit(number))


@app.job(queue="adding")
def in_thread(number: int) -> int:
    return seriatim.current_job().jobs.submit(leaf, number).result(20)


@app.job(queue="adding", run="process", timeout="1 minute")
def in_child(number: int) -> int:
    return seriatim.current_job().jobs.submit(leaf, number).result(20)


@app.job(queue="adding", run="process", timeout="1 minute")
async def on_loop_of_child(number: int) -> int:
    handles = await asyncio.gather(*(leaf.submit(number) for _ in range(3)))
    results = await asyncio.gather(*(handle.result(20) for handle in handles))
    return results[0] if len(set(results)) == 1 else 0


@app.job(queue="adding")
def misused_in_thread() -> list[str]:
    """Say what each of the ways comes to that cannot work."""
    return [_code(lambda: leaf.submit(1)), _code(lambda: asyncio.run(_submit_here()))]


async def _submit_here() -> None:
    await leaf.submit(1)


@app.job(queue="adding")
async def misused_on_loop() -> list[str]:
    jobs = seriatim.current_job().jobs
    return [_code(lambda: jobs.submit(leaf, 1))]


@app.job(queue="adding", run="process")
async def misused_on_loop_of_child() -> list[str]:
    jobs = seriatim.current_job().jobs
    return [_code(lambda: jobs.submit(leaf, 1))]


@app.job(queue="adding", run="process")
def misused_in_child() -> list[str]:
    """Like those of a thread; and what the queue refuses comes as what it is."""
    jobs = seriatim.current_job().jobs
    first = jobs.submit(leaf.options(id="taken"), 1)
    first.result(20)
    return [
        _code(lambda: leaf.submit(1)),
        _code(lambda: jobs.submit(leaf.options(id="taken"), 2)),
        _code(lambda: jobs.submit(leaf.options(after="01m80xed4mp0dp4nyxjn9w6s9t"), 1)),
        _code(lambda: jobs.submit(leaf, "x")),  # type: ignore[arg-type]  # that is the point
        _code(first.cancel),
        _code(leaf.handle("nowhere").__await__().__next__),
    ]


def _code(do: Any) -> str:
    try:
        do()
    except SchedulerError as error:
        return f"{type(error).__name__} {error.code}"
    return ""


@app.job(queue="adding", run="process")
def talks() -> None:
    print("hello from a child", flush=True)  # noqa: T201  # that is captured


@app.job(queue="adding", run="process", timeout="1 minute")
def all_verbs_in_child() -> dict[str, Any]:
    jobs = seriatim.current_job().jobs
    talking = jobs.submit(talks)
    talking.result()
    first = leaf.prepare(1)
    second = leaf.options(after=first).prepare(first.output)
    handles = jobs.submit_all(second, first)
    late = jobs.submit(leaf.options(delay="1 hour"), 5)
    late.cancel("not wanted")
    shown = late.show()
    late.retry()
    of_thread: list[int] = []
    threads = [
        threading.Thread(target=lambda: of_thread.append(jobs.submit(leaf, 7).result()))
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {
        "results": [each.result() for each in handles],
        "logs": talking.logs(),
        "state": shown["state"],
        "again": late.state(),
        "of_thread": of_thread,
        "other": jobs.submit(other_leaf, 1).result(),
    }


@app.job(queue="adding", run="process", crashes_max=1)
def dies_after_adding() -> None:
    seriatim.current_job().jobs.submit(leaf.options(id="left_behind"), 1)
    os.abort()


@app.job(queue="adding", run="process")
def in_fork() -> str:
    """Say what a fork of the job's OS process is told."""
    ours, theirs = os.pipe()
    jobs = seriatim.current_job().jobs
    if os.fork() == 0:
        os.write(theirs, _code(lambda: jobs.submit(leaf, 1)).encode())
        os._exit(0)
    os.wait()
    return os.read(ours, 100).decode()


@app.job(queue="adding", run="process", timeout="1 minute")
def waits_for_ever() -> None:
    print("waiting", flush=True)  # noqa: T201  # that is captured
    seriatim.current_job().jobs.submit(leaf.options(delay="1 hour"), 1).result()


@app.job(queue="adding", run="process")
def refused_in_child() -> None:
    seriatim.current_job().jobs.submit(leaf.options(id="taken"), 1)


@app.job(queue="adding")
def refused_in_thread() -> None:
    seriatim.current_job().jobs.submit(leaf.options(id="taken"), 1)
