"""What is said of a function: refused where it is said, and in force from there on."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.executor.loading import loading
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.jobs.settings import Rate, Settings
from seriatim.testing import rehearse
from tests.support import main_app


def declared(**said: Any) -> seriatim.App:
    app = seriatim.App()

    @app.job(**said)
    def report() -> None: ...

    return app


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"concurrency": 0}, "concurrency: .*1 to"),
        ({"concurrency": 1.5}, "concurrency: .*1 to"),
        ({"key_concurrency": "x"}, "key_concurrency: .*1 to"),
        ({"rate": "x"}, "rate: expected how many"),
        ({"rate": (5,)}, "rate: expected how many"),
        ({"rate": (0, "1 minute")}, "rate: .*1 to"),
        ({"rate": (5, 0)}, "rate: .*1 to"),
        ({"retry_on": (ValueError, "x")}, "retry_on: .*'x'"),
        ({"fail_on": ("KeyError",)}, "fail_on: .*'KeyError'"),
        ({"fail_on": 3}, "fail_on: .*3"),
        ({"retry_on": int}, "retry_on: .*int"),
        ({"delay": math.nan}, "duration.*nan"),
        ({"timeout": math.inf}, "duration.*inf"),
        ({"lease": 1e306}, "duration"),
        ({"schedule": "every day at 25"}, "25"),
        ({"schedule": "every day", "tz": "Mars/X"}, "Mars/X"),
        ({"tz": "X"}, "X"),
        ({"memory": "512MB"}, "memory: .*run='process'"),
        ({"cpu": 5, "run": "thread"}, "cpu: .*run='process'"),
        ({"memory": "much", "run": "process"}, "memory: .*much"),
        ({"files": 1, "run": "process"}, "files: "),
        ({"processes": 0, "run": "process"}, "processes: "),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        declared(**said)


def test_a_job_that_comes_by_itself_takes_no_arguments() -> None:
    app = seriatim.App()
    with pytest.raises(MalformedError, match=r"greet cannot be called so: missing.*'who'; give"):

        @app.job(schedule="every hour")
        def greet(who: str) -> None: ...

    @app.job(schedule="every hour")
    def tidy(*what: str, days: int = 7) -> None: ...


def test_a_method_is_no_job() -> None:
    app = seriatim.App()
    with pytest.raises(MalformedError, match=r"Shop\.sell is a method"):

        class Shop:
            @app.job
            def sell(self, item: str) -> None: ...

    class Other:
        @staticmethod
        @app.job
        def count(items: int) -> int:
            return items

    assert Other.count(3) == 3
    with pytest.raises(MalformedError, match="expected a function"):
        app.job(3)  # type: ignore[call-overload]  # that is the point


def test_an_option_of_one_job_is_none_of_its_function_or_of_nobody() -> None:
    [report] = declared().functions.values()
    for name in ("concurrency", "nosuch"):
        with pytest.raises(MalformedError, match=f"no option '{name}' of its own"):
            wrong: Any = {name: 1}
            report.options(**wrong)
    with pytest.raises(MalformedError, match=r"memory: .*run='process'"):
        report.options(memory=5)


@pytest.mark.parametrize(
    ("said", "is_final"),
    [
        ({}, [False, False]),
        ({"retry_on": OSError}, [True, False]),
        ({"retry_on": [OSError]}, [True, False]),
        ({"fail_on": KeyError}, [True, False]),
    ],
)
def test_one_class_of_errors_is_enough(said: dict[str, Any], is_final: list[bool]) -> None:
    [report] = declared(**said).functions.values()
    assert [report.is_final(error) for error in (KeyError(), OSError())] == is_final


@pytest.mark.asyncio
async def test_what_is_taken_out_of_the_code_is_in_force_no_more(tmp_path: Path) -> None:
    async def settings(app: seriatim.App) -> Settings:
        async with app.open(tmp_path, work=False) as running:
            return running.queues.reader.now("default").settings

    async with declared().open(tmp_path, work=False) as running:
        await running.set(types={"report": 9, "other": 5}, resources={"gpu": 1}, paused=True)
    found = await settings(declared(concurrency=4, key_concurrency=2, rate=(3, "1 minute")))
    assert found.types == {"report": 4, "other": 5}
    assert (found.keys, found.rates) == ({"report": 2}, {"report": Rate(3, 60_000)})
    found = await settings(declared())
    assert (found.types, found.keys, found.rates) == ({"other": 5}, {}, {})
    assert (found.resources, found.is_paused) == ({"gpu": 1}, True)


@pytest.mark.asyncio
async def test_what_bounds_a_function_is_in_its_jobs(tmp_path: Path) -> None:
    async with rehearse(main_app.app, tmp_path, work=False):
        said = main_app.double.options(memory=1_000_000, processes=3, output="1MB", timeout=2)
        limits = (await (await said.submit(1)).show())["spec"]["limits"]
    assert limits == {
        "wall_ms": 2_000,
        "cpu_ms": 5_000,
        "memory_bytes": 1_000_000,
        "output_bytes": 1_000_000,
        "processes": 3,
        "files": 64,
    }


@pytest.mark.slow
def test_a_child_finds_a_function_of_the_program_itself(tmp_path: Path) -> None:
    for command in ([main_app.__file__], ["-m", "tests.support.main_app"]):
        ended = subprocess.run(
            [sys.executable, *command, str(tmp_path / command[0].strip("/."))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stdout.startswith("8 {"), ended.stdout + ended.stderr


def app_opens(folder: Path) -> None:
    with seriatim.App().open_blocking(folder):
        pass


def node_opens(folder: Path) -> None:
    with seriatim.open_blocking(folder):
        pass


def inline_opens(_: Path) -> None:
    with seriatim.App().inline():
        pass


UNGUARDED = """
import asyncio, seriatim, sys
app = seriatim.App()

@app.job(run="process")
def double(number: int) -> int:
    return 2 * number

async def main() -> None:
    async with app.open(sys.argv[1]):
        job = await double.submit(1)
        try:
            await job
        except seriatim.JobError as error:
            print(error.code, error.reason)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_program_is_not_run_once_more_by_the_child_that_imports_it(tmp_path: Path) -> None:
    """It would submit its jobs once more in each of its children, without end."""
    program = tmp_path / "unguarded.py"
    program.write_text(UNGUARDED)
    ended = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.startswith("import_failed a child has imported this module")
    assert 'if __name__ == "__main__"' in ended.stdout


@pytest.mark.parametrize("opened", [app_opens, node_opens, inline_opens])
def test_nothing_is_opened_by_a_child_while_it_imports(
    tmp_path: Path, opened: Callable[[Path], object]
) -> None:
    with loading(), pytest.raises(RefusedError) as caught:
        opened(tmp_path / "data")
    assert caught.value.code == "imported"
    assert not (tmp_path / "data").exists()


def test_what_a_child_cannot_import_is_refused() -> None:
    code = (
        "import seriatim; app = seriatim.App()\n"
        "try: app.job(run='process')(exec('def f(): 0') or f)\n"
        "except seriatim.SchedulerError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "move it" in said.stdout


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("delay", "soonish"),
        ("timeout", "soon"),
        ("timeout", 0),
        ("silence", "soon"),
        ("lease", object()),
        ("memory", "lots"),
        ("memory", 0),
        ("cpu", "some"),
        ("retries", -1),
        ("at", "2020-01-01"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_by_its_name_and_of_which_function(
    option: str, wrong: Any
) -> None:
    """Where the function is declared, and where its job is submitted."""
    said: Any = {option: wrong}
    with pytest.raises(MalformedError, match=rf"report: {option}: "):
        declared(run="process", **said)
    with pytest.raises(MalformedError, match=rf"^double: {option}: "):
        main_app.double.options(**said)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"schedule": "every blue moon"}, "schedule"),
        ({"schedule": "every day", "tz": "Moon/Base"}, "tz"),
        ({"rate": (1, "soon")}, "rate"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_by_its_name_and_of_which_function(
    settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(MalformedError, match=rf"report: {named}: "):
        declared(**settings)
