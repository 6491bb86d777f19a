"""Functions of several categories: a worker for each, as the monitor counts them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim import App
from seriatim.actors.app.job_function import JobFunction
from seriatim.formats.errors import MalformedError
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def test_a_program_has_a_worker_for_each_category_of_a_queue(tmp_path: Path) -> None:
    app, go = App(), asyncio.Event()

    async def hold() -> None:
        await go.wait()

    app.job(category="gpu", type="render", concurrency=2)(hold)
    app.job(category="gpu", type="scale")(hold)
    app.job(category="cpu", type="count")(hold)
    app.job(type="mail")(hold)
    async with app.open(tmp_path) as running:
        monitor = running.node._node.monitor
        assert monitor is not None
        functions: list[JobFunction[[], None, object]] = list(app.functions.values())
        handles = [await each.submit() for each in functions for _ in range(2)]
        await until(lambda: len(monitor.look_now()["summary"]) == 3)
        await until(lambda: sum(len(each.running) for each in running.workers) == 5)
        rooms = {each["category"]: each["room"] for each in monitor.look_now()["workers"]}
        assert rooms == {"gpu": 3, "cpu": 1, "": 1}
        await until(
            lambda: (
                monitor.look_now()["summary"]
                == [
                    "1 worker busy: {mail: 1}",
                    "1 CPU worker busy: {count: 1}",
                    "1 GPU worker busy: {render: 2, scale: 1}",
                ]
            )
        )
        assert monitor.look_now()["backlog"] == {"": 1, "cpu": 1, "gpu": 1}
        go.set()
        await asyncio.gather(*handles)


async def test_a_category_is_a_name() -> None:
    with pytest.raises(MalformedError, match="category: expected") as caught:
        App().job(category="cpu|gpu")(test_a_category_is_a_name)
    assert caught.value.code == "bad_name"
