"""``seriatim job``, ``queue`` and ``worker`` against a real node, for people and as JSON."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from seriatim.formats.jobs.spec import _READERS
from seriatim.formats.limits import PAGE_DEFAULT
from seriatim.gateway.cli.jobs import timeline
from seriatim.gateway.cli.jobs.said import OPTIONS
from seriatim.gateway.cli.output import Exit
from tests.support.categorised_app import QUEUE
from tests.support.command_line import run, run_json
from tests.support.live_node import COMMAND, LiveNode

MODULE: Final = "tests.support.sample_app"
CATEGORISED: Final = "tests.support.categorised_app"
ROOT: Final = Path(__file__).parents[4]
NUMBERS: Final = count()
DAY_OF_2100_MS: Final = 4_102_444_800_000


@pytest.fixture
def queue() -> str:
    """Return the name of a queue of this test's own."""
    return f"queue-{next(NUMBERS)}"


class Cli:
    """The commands about one queue of a node."""

    def __init__(self, node: LiveNode, queue: str) -> None:
        self.at = ("--data", node.data)
        self.name = queue
        self.queue = ("--queue", queue)

    def add(self, *arguments: object, command: tuple[str, ...] = ()) -> str:
        more = ("--", *command) if command else ()
        code, output = run("job", "add", *arguments, *self.queue, *self.at, *more)
        assert code == Exit.OK, output
        return output.strip()

    def show(self, job: str) -> Any:
        return run_json("job", "show", job, *self.queue, *self.at)

    def work(self, *arguments: object, status: Exit = Exit.OK) -> list[Any]:
        """Run a worker that ends by itself; return what it says."""
        found = subprocess.run(
            [*COMMAND, "worker", *map(str, (*arguments, "--drain", *self.at)), "--json"],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert found.returncode == status, found.stdout
        return [orjson.loads(line) for line in found.stdout.splitlines()]


@pytest.fixture
def cli(node: LiveNode, queue: str) -> Cli:
    return Cli(node, queue)


@pytest.mark.slow
def test_commands_from_add_to_their_logs(cli: Cli) -> None:
    cli.add("analyze", "--id", "two", "--after", "one", command=("sh", "-c", "cat; exit 3"))
    added = cli.add(
        "ingest", "--id", "one", "--env", "WHO=me", command=("sh", "-c", "echo $WHO; pwd >&2")
    )
    assert added == "one"
    assert cli.add("x", "--id", "three", "--after-any-end", "two", command=("true",)) == "three"
    assert cli.add("x", "--id", "four", "--unless-failed", "two", command=("true",)) == "four"
    assert cli.show("two")["waits_for"] == ["one"]
    (ready,) = cli.work(*cli.queue)
    assert len(ready["workers"]) == 1
    assert cli.show("one")["state"] == cli.show("three")["state"] == "done"
    two = cli.show("two")
    assert (two["state"], two["exit_code"], two["error"]["code"]) == ("failed", 3, "exit")
    assert cli.show("four")["state"] == "cancelled"
    code, output = run("job", "logs", "one", *cli.queue, *cli.at)
    assert (code, output.splitlines()[0]) == (Exit.OK, "me")
    logged = run_json("job", "logs", "one", *cli.queue, *cli.at)
    assert (logged["id"], logged["output"]) == ("one", output)


@pytest.mark.slow
def test_functions_of_a_module_are_run_by_a_worker(node: LiveNode) -> None:
    cli = Cli(node, "default")
    job = cli.add("add", "--args", '{"first": 2, "second": 3}')
    cli.add("fail", "--args", '{"how": "key"}', "--id", "fails")
    # A bare module is what to run; and a function that runs in a child is of another queue.
    (ready,) = cli.work(MODULE)
    assert len(ready["workers"]) == 2
    assert (cli.show(job)["state"], cli.show(job)["result"]) == ("done", 5)
    failed = cli.show("fails")
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert failed["failures"][0]["error_type"] == "KeyError"
    assert cli.work("run", f"{MODULE}:app")
    shown = run("job", "show", "fails", *cli.at)[1]
    assert re.search(r"^state +failed$", shown, re.MULTILINE)
    assert re.search(r"^attempt 1 +raised: 'key'$", shown, re.MULTILINE)


def test_every_option_of_add_is_a_key_of_the_job(cli: Cli) -> None:
    run_json("queue", "set", cli.name, '{"resources": {"gpu": 2}}', *cli.at)
    options = {
        "priority": 3,
        "delay": "1 hour",
        "deadline": "2100-01-01T01:00+01:00",
        "retries": 2,
        "backoff": '{"base_ms": 500, "factor": 3}',
        "crashes-max": 5,
        "timeout": "30s",
        "silence": "20s",
        "lease": "1 minute",
        "memory": "512MB",
        "cpu": "1 minute",
        "processes": 4,
        "output": "64KiB",
        "files": 100,
        "unique": "u",
        "key": "k",
        "takes": "gpu=2",
        "cwd": "/",
    }
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    job = cli.add("t", *given, command=("echo", "--id", "x"))
    shown = cli.show(job)
    spec = shown["spec"]
    assert shown["due_ms"] == shown["submitted_ms"] + 3_600_000
    assert spec.pop("unique")["key"] == "u"
    assert spec == {
        "priority": 3,
        "delay_ms": 3_600_000,
        "deadline_ms": DAY_OF_2100_MS,
        "retries": 2,
        "backoff": {"base_ms": 500, "factor": 3.0},
        "crashes_max": 5,
        "silence_ms": 20_000,
        "lease_ms": 60_000,
        "key": "k",
        "takes": {"gpu": 2},
        "limits": {
            "wall_ms": 30_000,
            "memory_bytes": 512_000_000,
            "cpu_ms": 60_000,
            "processes": 4,
            "output_bytes": 65_536,
            "files": 100,
        },
        "command": {"argv": ["echo", "--id", "x"], "cwd": "/"},
    }
    twin = run_json("job", "add", "t", "--unique", "u", "--args", "{}", *cli.queue, *cli.at)
    assert twin == {"id": job, "repeated": True, "queue": cli.name}
    later = cli.add("t", "--at", "2100-01-01", command=("true",))
    assert cli.show(later)["due_ms"] == DAY_OF_2100_MS


def test_every_limit_and_every_key_of_a_job_is_an_option_of_add() -> None:
    """Inputs and a trace are what programs say."""
    limits = {f"limits.{key}" for key in ("wall", "cpu", "memory", "output", "processes", "files")}
    keys = {"id", *_READERS} - {"limits", "args", "command", "inputs", "trace"}
    assert {key for key, _ in OPTIONS.values()} == keys | limits


def test_jobs_are_cancelled_retried_removed_and_counted(cli: Cli) -> None:
    for job in ("a", "b"):
        cli.add("t", "--id", job, "--args", "{}")
    which = (*cli.queue, *cli.at)
    assert run("job", "cancel", "a", *which) == (Exit.OK, "a  cancelled\n")
    assert run_json("job", "cancel", "a", *which, status=Exit.REFUSED)["error"] == "ended"
    assert run("job", "retry", "a", *which) == (Exit.OK, "a  pending\n")
    assert run_json("job", "remove", "a", *which, status=Exit.REFUSED)["error"] == "not_ended"
    assert run_json("job", "cancel", "a", *which)["state"] == "cancelled"
    code, listed = run("job", "list", *which)
    assert code == Exit.OK
    assert [line.split()[:3] for line in listed.splitlines()] == [
        ["b", "pending", "t"],
        ["a", "cancelled", "t"],
    ]
    page = run_json("job", "list", "--state", "cancelled,pending", "--limit", 1, *which)
    assert ([each["id"] for each in page["jobs"]], page["after"]) == (["a"], "cancelled/a")
    more = run_json("job", "list", "--state", "cancelled,pending", "--after", page["after"], *which)
    assert [each["id"] for each in more["jobs"]] == ["b"]
    assert "--after pending/b" in run("job", "list", "--limit", 1, *which)[1]
    assert run_json("job", "list", "--type", "u", *which)["jobs"] == []
    assert run("job", "stats", *which)[1].splitlines() == [
        f"{cli.name}: 1 pending, 1 cancelled",
        "  t  1 pending, 1 cancelled",
    ]
    counted = run_json("job", "stats", *which)
    assert counted["types"] == [{"type": "t", "states": {"pending": 1, "cancelled": 1}}]
    assert run("job", "remove", "a", *which) == (Exit.OK, "a  removed\n")
    assert run_json("job", "show", "a", *which, status=Exit.NOT_FOUND)["error"] == "not_found"


def test_a_queue_is_set_paused_and_purged(cli: Cli) -> None:
    shown = run_json("queue", "set", cli.name, '{"types": {"t": 4}}', *cli.at)
    assert shown["settings"] == {"types": {"t": 4}}
    cli.add("t", "--args", "{}")
    assert run("queue", "pause", cli.name, "--type", "t", *cli.at)[0] == Exit.OK
    paused = run_json("queue", "pause", cli.name, *cli.at)["settings"]
    assert (paused["paused"], paused["paused_types"]) == (True, ["t"])
    listed = run("queue", "list", *cli.at)[1]
    assert re.search(rf"^{cli.name} +paused +1 pending$", listed, re.MULTILINE)
    assert cli.name in [each["name"] for each in run_json("queue", "list", *cli.at)["queues"]]
    resumed = run_json("queue", "resume", cli.name, *cli.at)["settings"]
    assert resumed == {"types": {"t": 4}}
    assert run("queue", "purge", cli.name, *cli.at) == (Exit.OK, "1 cancelled\n")
    assert run_json("queue", "purge", cli.name, "--state", "blocked", *cli.at) == {"purged": 0}
    text = run("queue", "show", cli.name, *cli.at)[1]
    process = f"  process: {shown['process']}"
    assert text.splitlines() == [f"{cli.name}: 1 cancelled", process, '  types: {"t": 4}']


def test_all_types_are_counted_however_many_there_are(cli: Cli, node: LiveNode) -> None:
    jobs = [{"type": f"t{number:03}"} for number in range(PAGE_DEFAULT + 1)]
    token = (node.data / "operator-token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    body = orjson.dumps({"jobs": jobs})
    assert node.post(f"/api/v1/queues/{cli.name}/jobs", body, headers=headers).status == 201
    counted = run_json("job", "stats", "--queue", cli.name, *cli.at)["types"]
    assert [each["type"] for each in counted] == [each["type"] for each in jobs]


@pytest.mark.slow
def test_a_worker_that_drains_says_what_nothing_here_can_begin(cli: Cli) -> None:
    """Else it would wait for ever for somebody else."""
    job = cli.add("t", "--args", "{}")
    cli.add("t", "--after-any-end", job, command=("true",))
    *_, left = cli.work(*cli.queue, status=Exit.FAILED)
    assert left["error"] == "left"
    assert f"queue {cli.name} still has 1 job that" in left["reason"]
    assert "of types that it does not run, or that rest; blocked beside them: 1" in left["reason"]
    run_json("job", "cancel", job, *cli.queue, *cli.at)
    cli.add("t", "--after", "nobody", command=("true",))
    *_, left = cli.work(*cli.queue, status=Exit.FAILED)
    assert "never submitted" in left["reason"]
    cli.add("t", "--id", "nobody", command=("true",))
    run_json("queue", "pause", cli.name, *cli.at)
    *_, left = cli.work(*cli.queue, status=Exit.FAILED)
    assert "paused" in left["reason"]
    run_json("queue", "pause", cli.name, "--type", "t", *cli.at)
    run_json("queue", "set", cli.name, '{"paused": false}', *cli.at)
    *_, left = cli.work(*cli.queue, status=Exit.FAILED)
    assert "or that rest" in left["reason"]
    run_json("queue", "resume", cli.name, *cli.at)
    assert len(cli.work(*cli.queue)) == 1
    assert run_json("queue", "show", cli.name, *cli.at)["states"] == {"done": 3, "cancelled": 1}


@pytest.mark.slow
def test_a_worker_runs_what_is_of_its_category_and_what_is_of_none(cli: Cli) -> None:
    cli.name, cli.queue = QUEUE, ("--queue", QUEUE)
    cli.work(CATEGORISED)  # it declares what it has
    jobs = {name: cli.add(name, "--args", "{}") for name in ("render", "count", "mail")}
    ready, left = cli.work(CATEGORISED, "--category", "gpu", status=Exit.FAILED)
    assert len(ready["workers"]) == 1
    assert "1 job that nothing here can begin: they are of types" in left["reason"]
    states = {name: cli.show(job)["state"] for name, job in jobs.items()}
    assert states == {"render": "done", "count": "pending", "mail": "done"}
    (ready,) = cli.work(CATEGORISED)
    assert len(ready["workers"]) == len({"gpu", "cpu", ""})
    assert cli.show(jobs["count"])["state"] == "done"


@contextmanager
def working(cli: Cli, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """Run a worker; give its OS process and the names of its workers, one for each queue."""
    command = [*COMMAND, "worker", *cli.queue, *options, *map(str, cli.at), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        try:
            yield child, orjson.loads(child.stdout.readline())["workers"]
        finally:
            child.kill()


def pipe(path: Path) -> Path:
    """Return a named pipe at *path*: who opens it waits for whoever opens its other end."""
    os.mkfifo(path)
    return path


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_finishes_what_it_has(cli: Cli, tmp_path: Path) -> None:
    begun, go = pipe(tmp_path / "begun"), pipe(tmp_path / "go")
    script = f"echo > {begun}; cat {go}"
    with working(cli) as (child, _):
        cli.add("t", "--id", "runs", command=("sh", "-c", script))
        cli.add("t", "--id", "waits", command=("true",))
        begun.read_text()
        for _ in ("the program", "its group"):  # as `timeout` does
            child.send_signal(signal.SIGTERM)
        go.write_text("")
        assert child.wait(30) == 0
    assert cli.show("runs")["state"] == "done"
    assert cli.show("waits")["state"] == "pending"


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--drain",)])
def test_a_worker_that_is_drained_finishes_what_it_has(
    cli: Cli, tmp_path: Path, options: tuple[str, ...]
) -> None:
    begun, go = pipe(tmp_path / "begun"), pipe(tmp_path / "go")
    script = f"echo > {begun}; cat {go}"
    cli.add("t", "--id", "runs", command=("sh", "-c", script))
    with working(cli, "--concurrency", "2", *options) as (child, (name,)):
        begun.read_text()
        wait_for_workers(cli, lambda workers: name in workers)
        told = run_json("worker", "drain", name, *cli.at)
        assert told == {"worker": name, "is_draining": True}
        cli.add("u", "--id", "waits", command=("true",))  # there is room for it
        wait_for_workers(cli, lambda workers: workers[name]["is_draining"])
        assert re.search(
            rf"^{name} .* 1/2! +t 0%$", run("worker", "list", *cli.at)[1], re.MULTILINE
        )
        go.write_text("")
        assert child.wait(30) == 0
    assert cli.show("runs")["state"] == "done"
    assert cli.show("waits")["state"] == "pending"
    assert run_json("worker", "drain", name, *cli.at, status=Exit.NOT_FOUND)["error"] == "not_found"
    wait_for_workers(cli, lambda workers: name not in workers)  # what they say is kept in a while


def wait_for_workers(cli: Cli, condition: Callable[[Mapping[str, Any]], bool]) -> None:
    """Return when *condition* holds of the workers that the node has heard of, by name."""
    end_s = monotonic() + 60
    while True:
        listed = run_json("worker", "list", *cli.at)["workers"]
        if condition({each["worker"]: each for each in listed}):
            return
        assert monotonic() < end_s, listed


@pytest.mark.slow
def test_of_several_workers_of_an_os_process_the_others_go_on(cli: Cli, tmp_path: Path) -> None:
    other = f"{cli.name}-2"
    with working(cli, "--queue", other) as (child, names):
        first, second = sorted(names, key=lambda name: name.startswith(f"{other}."))
        wait_for_workers(cli, lambda workers: first in workers)
        run_json("worker", "drain", first, *cli.at)
        cli.name, cli.queue = other, ("--queue", other)
        done = pipe(tmp_path / "done")
        cli.add("t", command=("sh", "-c", f"echo > {done}"))
        done.read_text()
        wait_for_workers(cli, lambda workers: second in workers)
        run_json("worker", "drain", second, *cli.at)
        assert child.wait(30) == 0


def test_the_verbs_are_shown() -> None:
    for verb in ("run", "list", "drain"):
        assert verb in run("worker", "--help")[1]
    for verb in ("add", "list", "show", "logs", "cancel", "retry", "remove", "stats"):
        assert verb in run("job", "--help")[1]


def test_a_timeline_has_what_each_worker_has_run(
    node: LiveNode, queue: str, tmp_path: Path
) -> None:
    cli = Cli(node, queue)
    done = cli.add("good", command=("true",))
    failed = cli.add("bad", command=("false",))
    cli.work("--queue", queue)
    found = run_json("queue", "timeline", queue, "--since", "1 hour", *cli.at)
    assert {span["job"]: (span["how"], span["type"]) for span in found["spans"]} == {
        done: ("done", "good"),
        failed: ("failed", "bad"),
    }
    assert found["to_ms"] - found["from_ms"] == 3_600_000
    assert found["after"] is None
    picture = tmp_path / "timeline.svg"
    code, output = run("queue", "timeline", queue, "--svg", picture, *cli.at)
    assert code == Exit.OK
    (worker,) = {span["worker"] for span in found["spans"]}
    assert f"\n{worker} |" in output
    assert output.endswith("1 done, 1 failed\n")
    assert done in picture.read_text()


def test_a_timeline_of_no_queue_is_an_error(node: LiveNode) -> None:
    assert run_json("queue", "timeline", "none", "--data", node.data, status=Exit.NOT_FOUND)


@pytest.mark.slow
def test_a_timeline_that_is_too_long_says_so(
    node: LiveNode, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = Cli(node, queue)
    for _ in range(3):
        cli.add("good", command=("true",))
    cli.work("--queue", queue)
    monkeypatch.setattr(timeline, "API_PAGE_MAX", 1)
    monkeypatch.setattr(timeline, "TIMELINE_SHOWN_MAX", 2)
    code, output = run("queue", "timeline", queue, *cli.at)
    assert code == Exit.OK
    assert "only the first 2 to end are shown" in output
    assert "2 done" in output


@pytest.mark.slow
def test_metrics_have_what_commands_have_used(node: LiveNode, queue: str) -> None:
    cli = Cli(node, queue)
    spin = "sum(range(20_000_000)); bytearray(2**26)"
    scripts = (spin, f"{spin}; raise SystemExit(3)")
    done, failed = (cli.add("spin", command=(sys.executable, "-c", each)) for each in scripts)
    cli.work("--queue", queue)
    used = [cli.show(done)["outcome"]["usage"], cli.show(failed)["failures"][0]["usage"]]
    found = {
        (sample.name, sample.labels.get("le"), sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(node.get("/metrics").body.decode())  # type: ignore[no-untyped-call]  # theirs has no types
        for sample in family.samples
        if sample.labels.get("queue") == queue
    }
    cpu_ms = sum(each["cpu_ms"] for each in used)
    assert cpu_ms > 0
    assert found["seriatim_job_cpu_seconds_total", None, None] == pytest.approx(cpu_ms / 1_000)
    assert found["seriatim_job_memory_peak_bytes_count", None, None] == 2
    assert found["seriatim_job_memory_peak_bytes_bucket", str(float(2**26)), None] == 0
    assert found["seriatim_queue_ended_jobs_total", None, "done"] == 1
    assert found["seriatim_queue_ended_jobs_total", None, "failed"] == 1
