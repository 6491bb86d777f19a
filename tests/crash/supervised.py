"""A node and a worker as OS processes that somebody starts again whenever they are gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson

from tests.crash.family import WAIT_S
from tests.crash.pipeline_jobs import FILE_VARIABLE, QUEUE
from tests.support.live_node import COMMAND

ROOT: Final = Path(__file__).parents[2]
MODULE: Final = "tests.crash.pipeline_jobs"
LOOK_S: Final = 0.005


class Supervised:
    """An OS process that says a line of JSON when it is ready."""

    def __init__(self, command: Sequence[str], folder: Path, name: str) -> None:
        """Start *command*; what it logs is in *folder*, under *name*."""
        self.errors = folder / f"{name}.stderr"
        self._command = [*COMMAND, *command, "--json"]
        self._env = {**os.environ, FILE_VARIABLE: str(folder / "side-effects")}
        self.start()

    def start(self) -> None:
        """Start it (again), and wait until it is ready."""
        with self.errors.open("ab") as stderr:
            self.child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env=self._env,
            )
        assert self.child.stdout is not None
        assert self.child.stdout.readline(), self.errors.read_text()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.send_signal(number)

    def kill(self) -> None:
        """Kill it, and see it gone."""
        self.child.kill()
        self.child.wait(WAIT_S)
        assert self.child.stdout is not None
        self.child.stdout.close()

    def end(self) -> None:
        """Have it end by itself, as it should."""
        self.send(signal.SIGTERM)
        assert self.child.wait(WAIT_S) == 0, self.errors.read_text()
        assert self.child.stdout is not None
        self.child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class Site:
    """A folder with a node at one address, and what its operator does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = 0

    def node(self) -> Supervised:
        """Start a node."""
        command = ["serve", "--data", str(self.data), "--port", str(self.port)]
        return Supervised(command, self.folder, "node")

    def worker(self) -> Supervised:
        """Start a worker."""
        self._workers += 1
        command = ["worker", MODULE, "--node", self.url, "--token-file", str(self.token_file)]
        return Supervised(command, self.folder, f"worker-{self._workers}")

    @property
    def token_file(self) -> Path:
        """Where the operator's token is."""
        return self.data / "operator-token"

    @property
    def token(self) -> str:
        """The operator's token."""
        return self.token_file.read_text().strip()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return what the node answers about the queue.

        Raises:
            OSError: it does not answer.
        """
        request = Request(
            f"{self.url}/api/v1/queues/{QUEUE}{path}",
            data=None if body is None else orjson.dumps(body),
            method=method,
            headers={"authorization": f"Bearer {self.token}"},
        )
        try:
            with urlopen(request, timeout=WAIT_S) as reply:
                return orjson.loads(reply.read())
        except HTTPError as error:
            raise AssertionError(error.read()) from error

    def submit(self, *jobs: dict[str, Any]) -> None:
        """Submit *jobs*."""
        self.ask("POST", "/jobs", {"jobs": list(jobs)})

    def job(self, job: str) -> Any:
        """Return *job* as it is."""
        return self.ask("GET", f"/jobs/{job}")

    def jobs(self) -> list[Any]:
        """Return all jobs."""
        found, after = [], ""
        while True:
            page = self.ask("GET", f"/jobs?limit=500{after}")
            found += page["jobs"]
            if page["after"] is None:
                return found
            after = f"&after={page['after']}"

    def side_effects(self) -> list[list[str]]:
        """Return what the jobs have noted: begin or end, the stage, the name, the token."""
        file = self.folder / "side-effects"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for_side_effects(self, number: int) -> None:
        """Return when so many have been noted."""
        with deadline() as is_over:
            while len(self.side_effects()) < number:
                assert not is_over(), f"{len(self.side_effects())} of {number}"
                sleep(LOOK_S)

    def wait_for_state(self, job: str, state: str) -> None:
        """Return when *job* is in *state*."""
        with deadline() as is_over:
            while self.job(job)["state"] != state:
                assert not is_over(), self.job(job)
                sleep(LOOK_S)

    def wait_until_idle(self) -> None:
        """Return when the queue has no live job."""
        with deadline() as is_over:
            while self.ask("GET", "/idle?wait_ms=1000")["slot"] is None:
                assert not is_over(), self.ask("GET", "")


@contextmanager
def deadline() -> Iterator[Any]:
    """Give what tells whether it has taken too long, whatever it is."""
    end_s = monotonic() + 2 * WAIT_S
    yield lambda: monotonic() > end_s
