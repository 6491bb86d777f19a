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
        handed_on: descriptors that its keeper has for the job.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    limits: Limits
    cgroup: str = ""
    handed_on: Sequence[int] = ()

    def encode(self) -> bytes:
        """Return it as `keeper.Order` reads it, behind its line."""
        limits = self.limits
        cpu_s = None if limits.cpu_ms is None else -(-limits.cpu_ms // _MS_PER_S)
        bounds = (cpu_s, limits.memory_bytes, limits.files, limits.processes)
        fields = [
            self.cwd,
            self.cgroup,
            str(JOB_COUNT_MS),
            *("" if bound is None else str(bound) for bound in bounds),
            " ".join(map(str, self.handed_on)),
            str(len(self.argv)),
            *self.argv,
            *(f"{name}={value}" for name, value in self.env.items()),
        ]
        raw = b"\0".join(os.fsencode(field) for field in fields)
        return b"order %d\n%s" % (len(raw), raw)


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
    """A job that a keeper keeps, from its order to its end.

    Attributes:
        started: whether it has been started, once that is known; ``None`` for yes.
        gone: set when nothing of it is left; then `ended` says how.
        ended: how it has ended.
        over: how many OS processes it had when it was killed for them; 0 where it was not.
        on_over: called when it is.
    """

    def __init__(self, keeper: Keeper) -> None:
        """Use `Keeper.keep`."""
        self.started: NotStarted | None = None
        self.gone = asyncio.Event()
        self.ended = Ended()
        self.over = 0
        self.on_over: Callable[[], object] | None = None
        self._keeper = keeper
        self._process = 0

    def terminate(self) -> None:
        """Ask the job's group to end."""
        self._tell(b"term\n")

    def kill(self) -> None:
        """Have all of the job killed; `gone` is set when it is."""
        self._tell(b"kill\n")

    def limit_processes(self, processes: int | None) -> None:
        """Let the job have so many OS processes at once from now on."""
        self._tell(f"processes {'' if processes is None else processes}\n".encode())

    def abandon(self) -> None:
        """Kill the keeper itself: it does not do its work."""
        self._keeper.kill()

    def hear(self, words: Sequence[str]) -> None:
        """Take a line of the keeper."""
        numbers = [int(word) for word in words if word.isdecimal()]
        if words[0] == "started":
            self._process = numbers[0]
        elif words[0] == "failed":
            self.started = NotStarted(words[1], numbers[0])
            self.gone.set()
        elif words[0] == "over":
            self.over = numbers[0]
            if self.on_over:
                self.on_over()
        elif words[0] == "ended":
            self.ended = Ended(*numbers)
            self.gone.set()

    def lose(self) -> None:
        """Hear that the keeper is gone: the kernel has killed the job with it, and we its group.

        The job may have begun before the keeper could say so: it may be what has killed it.
        """
        if self.gone.is_set():
            return
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process, signal.SIGKILL)
        self.gone.set()

    def _tell(self, line: bytes) -> None:
        if not self.gone.is_set():
            self._keeper.tell(line)


class Keeper:
    """An OS process that keeps jobs, one after the other.

    Attributes:
        capture: what its jobs print.
        is_lost: whether it has ended.
    """

    def __init__(self, popen: subprocess.Popen[bytes], capture: Capture) -> None:
        """Use `start`."""
        self.capture = capture
        self.is_lost = False
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._link = _Link(self._hear, self._lose)
        self._kept: Kept | None = None
        self._is_reaped = asyncio.Event()

    @classmethod
    async def start(cls, handed_on: Sequence[int] = ()) -> Keeper:
        """Start a keeper, which has the descriptors *handed_on* for its job. Not to be cancelled.

        Raises:
            OSError: the system lets us start none.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                capture = Capture()
                try:
                    keeper = cls(_spawn(theirs, capture.writing, handed_on), capture)
                except BaseException:
                    capture.close()
                    raise
            except BaseException:
                ours.close()
                raise
        capture.let_go()
        await keeper._loop.create_unix_connection(lambda: keeper._link, sock=ours)
        return keeper

    def keep(self, order: Order) -> Kept:
        """Start a job, when the one before is gone."""
        assert self._kept is None or self._kept.gone.is_set(), "one job at a time"
        self._kept = Kept(self)
        if self.is_lost:
            self._kept.lose()
        self.tell(order.encode())
        return self._kept

    def tell(self, raw: bytes) -> None:
        """Send *raw*; into nothing when the keeper is gone."""
        self._link.send(raw)

    def kill(self) -> None:
        """End it by force, and its job with it."""
        self._popen.kill()

    async def close(self) -> None:
        """Return when it has ended, and what it still keeps."""
        self._link.close()
        await self._is_reaped.wait()
        self.capture.close()

    def _hear(self, words: list[str]) -> None:
        if self._kept is not None:
            self._kept.hear(words)

    def _lose(self) -> None:
        """Hear that the keeper is gone, or about to be."""
        self.is_lost = True
        waited = self._loop.run_in_executor(None, self._popen.wait)
        waited.add_done_callback(lambda _: self._bury())

    def _bury(self) -> None:
        if self._kept is not None:
            self._kept.lose()
        self._is_reaped.set()


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

    def close(self) -> None:
        """Say nothing more; the keeper reads that as its order to end."""
        if self._transport is not None:
            self._transport.close()


def _spawn(link: socket.socket, output: int, handed_on: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a keeper that holds *link*, in a session of its own.

    Its environment is empty: what a job is given is the job's, and may be made to mislead.
    """
    return subprocess.Popen(  # noqa: S603  # our own interpreter and file
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(link.fileno()), _FOLDER],
        pass_fds=(link.fileno(), *handed_on),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={},
        start_new_session=True,
    )
