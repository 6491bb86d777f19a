"""The fixture of pytest, in runs of pytest over a small project of somebody's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seriatim.actors.app.inline_app import InlineApp
from seriatim.formats.errors import RefusedError
from tests.support.sample_app import add, app, fail, later

SHOP = """
import asyncio
import threading
from datetime import UTC, datetime

import seriatim

app = seriatim.App()
threads = []


@app.job
def send(to: str, copies: int = 1) -> str:
    threads.append(threading.current_thread())
    return f"sent to {to}"


@app.job
async def greet(to: str) -> str:
    await asyncio.sleep(0.001)
    return f"hello {to}"


@app.job
def order(to: str) -> int:
    place(shop, to)  # a job that submits another one
    return 7


def place(jobs, to):
    return jobs.submit(send, to)


@app.job
def remind(to: str) -> None: ...


async def later(to: str) -> None:
    await remind.options(delay="1 hour").submit(to)


shop = None
"""

SYNC = """
import threading

import pytest
import shop


def test_what_is_submitted_has_run(seriatim_jobs):
    with seriatim_jobs(shop.app) as jobs:
        handle = shop.place(jobs, "a@b.c")
        assert handle.result() == "sent to a@b.c"
        assert shop.threads == [threading.current_thread()]
        assert jobs.submit(shop.greet, "you").result() == "hello you"
        jobs.assert_enqueued(shop.send, to="a@b.c")
        jobs.assert_enqueued(shop.greet, times=1)
        with pytest.raises(AssertionError, match="found 0"):
            jobs.assert_enqueued(shop.send, to="nobody")
        jobs.drain()


def test_a_job_submits_another_one(seriatim_jobs):
    with seriatim_jobs(shop.app) as jobs:
        shop.shop = jobs
        assert jobs.submit(shop.order, "me").result() == 7
        jobs.assert_enqueued(shop.send, to="me", times=1)


def test_nothing_is_left_of_the_tests_before(seriatim_jobs):
    with seriatim_jobs(shop.app) as jobs:
        assert jobs.jobs.submitted == []
"""

ASYNC = """
import pytest
import shop

pytestmark = pytest.mark.MARK

@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_time_passes_when_it_is_told_to(seriatim_jobs):
    async with seriatim_jobs(shop.app) as jobs:
        await shop.later("a@b.c")
        jobs.assert_enqueued(shop.remind, to="a@b.c", times=1)
        await jobs.pass_time(hours=1)
        assert jobs.live() == []


async def test_an_app_may_be_opened_again(seriatim_jobs):
    for _ in range(2):
        async with seriatim_jobs(shop.app) as jobs:
            handle = await shop.greet.submit("you")
            await jobs.drain()
            assert await handle == "hello you"


async def test_inline_there_is_no_node(seriatim_jobs):
    with seriatim_jobs(shop.app) as jobs:
        assert await (await shop.greet.submit("you")) == "hello you"
        jobs.assert_enqueued(shop.greet, to="you")
"""


def run_pytest(folder: Path, text: str, *arguments: str) -> str:
    """Return what pytest prints for a project with the tests *text*, which pass."""
    (folder / "shop.py").write_text(SHOP)
    (folder / "conftest.py").write_text('pytest_plugins = ["seriatim.testing.pytest_plugin"]\n')
    (folder / "test_shop.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(
        [*command, "-W", "error", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_blocking_tests_need_no_other_plugin(tmp_path: Path) -> None:
    assert "3 passed" in run_pytest(tmp_path, SYNC)


ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
ANYIO = ("-p", "anyio.pytest_plugin")


@pytest.mark.slow
@pytest.mark.parametrize(("mark", "plugin"), [("asyncio", ASYNCIO), ("anyio", ANYIO)])
def test_coroutines_run_by_whatever_runs_them(
    tmp_path: Path, mark: str, plugin: tuple[str, ...]
) -> None:
    assert "3 passed" in run_pytest(tmp_path, ASYNC.replace("MARK", mark), *plugin)


@pytest.mark.slow
def test_a_run_that_does_not_ask_for_it_does_not_have_it() -> None:
    """An entry point would be loaded, and have all of our modules rewritten, in every run."""
    code = "import sys, seriatim.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--version", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "seriatim" not in listed.stdout + listed.stderr


def test_inline_a_job_that_fails_says_so() -> None:
    with app.inline() as inline:
        jobs = InlineApp(app, inline)
        first = add.prepare(1, 2)
        last, _ = jobs.submit_all(add.prepare(first.output, 4), first)
        assert last.result() == 7
        with pytest.raises(Exception, match="value"):
            jobs.submit(fail, "value").result()


@pytest.mark.asyncio
async def test_on_a_loop_blocking_code_submits_no_coroutine_function() -> None:
    with app.inline() as inline:
        jobs = InlineApp(app, inline)
        assert jobs.submit(add, 1, 2).result() == 3
        with pytest.raises(RefusedError, match="await its submit"):
            jobs.submit(later, "x")
