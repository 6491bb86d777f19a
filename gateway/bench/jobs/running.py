"""OS processes of a run: each with a log of its own, and each ended with its block.

Every wait is here, and looks at three things beside what it waits for: whether an OS process that
is needed has ended, whether we are told to end, and how long it has been.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pwd import getpwnam
from time import monotonic
from typing import Final

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.jobs.signals import end_if_told

_LOOK_S: Final = 0.01
_END_S: Final = 10.0
_START_S: Final = 60.0
_LOG_LINES: Final = 3


class Running:
    """An OS process that was started, and leads a process group of its own."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path) -> None:
        """Take *child*, whose output goes to *log*."""
        self.name = name
        self._child = child
        self._log = log

    def has_ended(self) -> bool:
        """Tell whether it has ended."""
        return self._status() is not None

    def check(self) -> None:
        """Return while it runs.

        Raises:
            UnavailableError: it has ended.
        """
        status = self._status()
        if status is not None:
            raise self.failure(f"has ended with status {status}")

    def failure(self, what: str) -> UnavailableError:
        """Return the error that says *what* it did, with the last lines of its log."""
        lines = self._log.read_text(errors="replace").split("\n")
        said = " | ".join([line.strip() for line in lines if line.strip()][-_LOG_LINES:])
        return UnavailableError(f"{self.name} {what}" + (f": {said}" if said else ""))

    def say(self, line: bytes) -> None:
        """Write *line* to its stdin; that it has ended is found out by `check`."""
        assert self._child.stdin is not None, "a pipe was asked for"
        with suppress(BrokenPipeError):
            self._child.stdin.write(line)

    def finish(self) -> None:
        """Close its stdin, and return when it has ended well.

        Raises:
            UnavailableError: it has not ended, or not well.
        """
        assert self._child.stdin is not None, "a pipe was asked for"
        self._child.stdin.close()
        wait_until(self.has_ended, needed=(), within_s=_END_S, what=f"{self.name} to end")
        if status := self._status():
            raise self.failure(f"has ended with status {status}")

    def end(self, how: signal.Signals) -> None:
        """Ask it to end by the signal *how*, and end what is left of its group after a while."""
        if not self.has_ended():
            os.kill(self._child.pid, how)  # `Popen.send_signal` may wait for it
        deadline_s = monotonic() + _END_S
        while not self.has_ended() and monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        assert self._child.stdin is not None, "a pipe was asked for"
        self._child.stdin.close()

    def _status(self) -> int | None:
        """Return its status once it has ended, less than 0 for a signal; ``None`` before."""
        # Left to be waited for by `end`: until then nobody else gets its id, which is its group's.
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        ended = os.waitid(os.P_PID, self._child.pid, how)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


@contextmanager
def running(
    command: Sequence[str],
    *,
    name: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[Running]:
    """Run *command* for as long as the block runs, with a pipe for its stdin.

    Args:
        command: the program and its arguments.
        name: what errors call it.
        log: gets what it prints.
        environment: variables beside our own.
        user: as whom to run it; ``None`` is ourselves.
        end: the signal that ends it.

    Raises:
        UnavailableError: there is no such program.
    """
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(  # noqa: S603  # commands are those of contenders and servers
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                # Ctrl-C is for the run; it ends what it has started, in order.
                start_new_session=True,
                user=user,
                group=None if user is None else getpwnam(user).pw_gid,
                extra_groups=None if user is None else (),
            )
        except OSError as error:
            raise UnavailableError(f"{name} cannot be started: {error}") from error
    process = Running(name, child, log)
    try:
        yield process
    finally:
        process.end(end)


def run_to_end(command: Sequence[str], *, name: str, log: Path, user: str | None = None) -> None:
    """Run *command*, and return when it has ended well.

    Raises:
        UnavailableError: it cannot be started, or has not ended well.
    """
    with running(command, name=name, log=log, user=user) as process:
        wait_until(process.has_ended, needed=(), within_s=_START_S, what=f"{name} to end")
        process.finish()


def wait_until(
    condition: Callable[[], bool],
    *,
    needed: Sequence[Running],
    what: str,
    within_s: float = _START_S,
) -> None:
    """Return when *condition* holds, which is asked a hundred times a second.

    Args:
        condition: cheap to ask.
        needed: the OS processes without which it would never hold.
        what: what is waited for, as the error says it.
        within_s: for how long.

    Raises:
        UnavailableError: one of *needed* has ended, or it has been too long.
    """
    deadline_s = monotonic() + within_s
    while not condition():
        end_if_told()
        for process in needed:
            process.check()
        if monotonic() > deadline_s:
            raise UnavailableError(f"waited {within_s:g} s for {what}")
        time.sleep(_LOOK_S)
