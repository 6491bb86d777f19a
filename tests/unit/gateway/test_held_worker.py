"""A worker whose event loop a job holds for longer than its leases, and its node elsewhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from seriatim.actors.embedding.loop_thread import on_a_thread
from seriatim.formats.jobs.spec import read_asked
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.working import Work, run_worker
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.asyncio

WORK = Work((), ("q",), 2, "", takes_commands=True, drains=True)
MODULE = """
import asyncio
from seriatim import App
from tests.support.holding import hold_loop

app = App()
began = asyncio.Event()

@app.job(queue="q", concurrency=2)
async def blocks():
    await began.wait()
    hold_loop(2.5)

@app.job(queue="q", concurrency=2)
async def innocent():
    began.set()
    await asyncio.sleep(0)
"""


@pytest.mark.slow
async def test_it_loses_no_job_and_its_log_says_which_one_held_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "holds_its_loop.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    wallet, data = known_wallet(NODE), tmp_path / "data"
    with on_a_thread(lambda: serving(data, wallet=wallet, operator=Operator(TOKEN))) as opened:
        http, thread = opened
        queues = http.node.queues
        assert queues is not None
        jobs = [
            read_asked({"type": kind, "id": kind, "lease_ms": 2_000})
            for kind in ("blocks", "innocent")
        ]
        thread.run(queues.submit("q", jobs))
        work = WORK._replace(modules=("holds_its_loop",))
        with caplog.at_level(logging.WARNING, logger="seriatim.actors"):

            async def find() -> tuple[str, str]:
                return f"http://127.0.0.1:{http.port}", TOKEN

            assert await run_worker(find, work, lambda _: None) is None
        for each in ("blocks", "innocent"):
            found = queues.reader.job("q", each)
            assert found is not None
            assert (found.state, found.attempt) == ("done", 1), found.failures
    said = [each for each in caplog.messages if each.startswith("the event loop")]
    assert said[0].startswith("the event loop is held by job blocks (blocks): for ")
    assert "holds_its_loop.py" in said[0]
    assert said[1].startswith("the event loop goes on: it was held for ")
    assert len(said) == 2
