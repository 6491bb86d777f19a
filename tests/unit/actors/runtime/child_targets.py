"""Handlers that the tests of `ChildOffload` run in real children.

A module of its own, so that a child does not import a test file and pytest with it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from seriatim.formats.errors import OverloadedError, SlotConflictError

Handler = Callable[[list[Any]], Any]


def echo(init: bytes) -> Handler:
    """Answer each job with the init and the job."""
    return lambda jobs: [[init, job] for job in jobs]


def size(_: bytes) -> Handler:
    """Answer each job, some bytes, with as many bytes."""
    return lambda jobs: [bytes(len(job)) for job in jobs]


def moody(_: bytes) -> Handler:
    """Do what the first job says."""

    def handle(jobs: list[Any]) -> Any:
        match jobs[0]:
            case "raise":
                raise ValueError("no such mood")
            case "conflict":
                raise SlotConflictError(process="p", expected=7, given=5)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                raise SystemExit(3)
            case "unsayable":
                return [object()]
            case "short":
                return []
            case "deaf":
                os.closerange(3, 1_000)
                time.sleep(600)
            case "hang":
                time.sleep(600)
        return [os.getpid() for _ in jobs]

    return handle


def witness(_: bytes) -> Handler:
    """Answer with what other users of the machine can see of this child."""

    def handle(jobs: list[Any]) -> Any:
        with open("/proc/self/cmdline", "rb") as command, open("/proc/self/environ", "rb") as env:
            seen = [command.read(), env.read()]
        return [seen for _ in jobs]

    return handle


def signals(_: bytes) -> Handler:
    """Answer with what SIGINT and SIGTERM would do here."""

    def handle(jobs: list[Any]) -> Any:
        ignored = [
            signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)
        ]
        return [ignored for _ in jobs]

    return handle


def broken(_: bytes) -> Handler:
    """Refuse to start."""
    raise OverloadedError("the child", retry_after_ms=5)


def stillborn(_: bytes) -> Handler:
    """End before the handler is made."""
    os._exit(9)
