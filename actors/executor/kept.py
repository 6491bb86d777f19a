"""The worker's side of a keeper: an OS process of a job, and everything that it starts.

`keeper.py` is the other side. What is written there about ends holds here: when `Kept.gone` is set,
nothing of the job is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, cast

from seriatim.actors.executor.capture import Capture
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.limits import JOB_COUNT_MS

# By import, and not as a file to be run: so it is not compiled anew for each job.
_KEEPER: Final = "import sys; sys.path.append(sys.argv[2]); import keeper; keeper.run()"
_FOLDER: Final = str(Path(__file__).resolve().parent)
_MS_PER_S: Final = 1_000


class Order(NamedTuple):
    """What a keeper is to start.

    Attributes:
        argv: see `Command`.
        env: all of the environment.
        cwd: see `Command`.
        limits: its own part is the keeper's: processor time, memory, files and processes.
        cgroup: folder of the cgroup that the job is to be in; empty for none.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    limits: Limits
    cgroup: str = ""

    def encode(self) -> bytes:
        """Return it as `keeper.Order` reads it, behind its length."""
        limits = self.limits
        cpu_s = None if limits.cpu_ms is None else -(-limits.cpu_ms // _MS_PER_S)
        bounds = (cpu_s, limits.memory_bytes, limits.files, limits.processes)
        fields = [
            self.cwd,
            self.cgroup,
            str(JOB_COUNT_MS),
            *("" if bound is None else str(bound) for bound in bounds),
            str(len(self.argv)),
            *self.argv,
            *(f"{name}={value}" for name, value in self.env.items()),
        ]
        raw = b"\0".join(os.fsencode(field) for field in fields)
        return b"%d\n%s" % (len(raw), raw)


class Ended(NamedTuple):
    """How a job's OS process has ended.

    Attributes:
        status: as ``wait`` gives it; ``None`` where the keeper was killed, and nobody knows.
        cpu_ms: processor time of it and its descendants.
        memory_peak_bytes: the largest resident size of one of them.
    """

    status: int | None = None
    cpu_ms: int = 0
    memory_peak_bytes: int = 0


class NotStarted(NamedTuple):
    """Why a job was not started: the step that failed (see `keeper.start`), and its errno."""

    step: str
    errno: int


class Kept:
    """A job's OS process, and its keeper.

    Attributes:
        started: a future that says whether it runs.
        gone: set when nothing of it is left; then `ended` says how.
        ended: how it has ended.
        over: how many OS processes it had when it was killed for them; 0 where it was not.
        on_over: called when it is.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        """Use `start`."""
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._link = _Link(self._hear, self._lose)
        self._job = 0
        self.started: asyncio.Future[NotStarted | None] = self._loop.create_future()
        self.gone = asyncio.Event()
        self.ended = Ended()
        self.over = 0
        self.on_over: Callable[[], object] | None = None

    @classmethod
    async def start(cls, order: Order, capture: Capture, inherit: Sequence[int] = ()) -> Kept:
        """Start a keeper, and have it start the job; `started` says whether that runs.

        Args:
            order: what is to be run.
            capture: what its stdout and stderr go to.
            inherit: further descriptors that the job has.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                kept = cls(_spawn(theirs, capture.writing, inherit))
            except BaseException:
                ours.close()
                raise
        # Not to be cancelled in between: a keeper without a link would be nobody's.
        await asyncio.shield(kept._loop.create_unix_connection(lambda: kept._link, sock=ours))
        capture.let_go()
        kept._link.send(order.encode())
        return kept

    def terminate(self) -> None:
        """Ask the job's group to end."""
        self._link.send(b"term\n")

    def kill(self) -> None:
        """Have all of the job killed; `gone` is set when it is."""
        self._link.send(b"kill\n")

    def limit_processes(self, processes: int | None) -> None:
        """Let the job have so many OS processes at once from now on."""
        self._link.send(f"processes {'' if processes is None else processes}\n".encode())

    def abandon(self) -> None:
        """Kill the keeper itself, and the job's group: it does not do its work."""
        self._popen.kill()

    def _hear(self, words: list[str]) -> None:
        numbers = [int(word) for word in words if word.isdecimal()]
        if words[0] == "started":
            self._job = numbers[0]
            self._tell_started(None)
        elif words[0] == "failed":
            self._tell_started(NotStarted(words[1], numbers[0]))
        elif words[0] == "over":
            self.over = numbers[0]
            if self.on_over:
                self.on_over()
        elif words[0] == "ended":
            self._job = 0
            self.ended = Ended(*numbers)

    def _tell_started(self, failure: NotStarted | None) -> None:
        if not self.started.done():
            self.started.set_result(failure)

    def _lose(self) -> None:
        """Hear that the keeper is gone, or about to be: see to it, and to what it may have left."""
        if self._job:
            # It was killed itself. Its job has died with it, and is its group's number still.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._job, signal.SIGKILL)
        waited = self._loop.run_in_executor(None, self._popen.wait)
        waited.add_done_callback(lambda _: self._bury())

    def _bury(self) -> None:
        self._tell_started(NotStarted("keeper", 0))
        self.gone.set()


class _Link(asyncio.Protocol):
    """The socket to a keeper: lines in, bytes out."""

    def __init__(self, hear: Callable[[list[str]], None], lose: Callable[[], None]) -> None:
        self._hear = hear
        self._lose = lose
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._hear(line.decode().split(" "))

    def connection_lost(self, _: Exception | None) -> None:
        self._lose()

    def send(self, raw: bytes) -> None:
        """Send *raw*; into nothing when the keeper is gone: `lose` is called then."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(raw)


def _spawn(link: socket.socket, output: int, inherit: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a keeper that holds *link*, in a session of its own.

    Its environment is empty: what a job is given is the job's, and may be made to mislead.
    """
    return subprocess.Popen(  # noqa: S603  # our own interpreter and file
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(link.fileno()), _FOLDER],
        pass_fds=(link.fileno(), *inherit),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={},
        start_new_session=True,
    )
