"""Functions that are run as jobs, good and bad; children import this module."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from typing import Any, NoReturn

from seriatim.actors.executor.context import current_job

FORKS_MAX = 5_000

# What a module does when it is imported is done for all of its functions.
os.environ["SET_AT_IMPORT"] = "yes"


def add(first: int, second: int = 1) -> int:
    return first + second


async def add_later(first: int, second: int) -> int:
    await asyncio.sleep(0)
    return first + second


def own_number() -> int:
    return os.getpid()


def facts_and_progress() -> dict[str, Any]:
    job = current_job()
    job.say({"done": 0.5})
    return dict(job.facts)


def say_too_much() -> None:
    current_job().say({"text": "x" * 100_000})


def environment() -> dict[str, str]:
    return dict(os.environ)


def print_everywhere() -> None:
    sys.stdout.write("of Python\n")
    ctypes.CDLL(None).puts(b"of C")
    subprocess.run(["echo", "of a program"], check=True)


def print_lines(count: int) -> None:
    for _ in range(count):
        sys.stdout.write("x" * 999 + "\n")


def raise_error() -> NoReturn:
    raise ValueError("what was not expected")


def raise_unprintable() -> NoReturn:
    raise UnprintableError("\ud800")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


def raise_surrogate() -> NoReturn:
    raise ValueError("\ud800")


def set_of_numbers() -> set[int]:
    return {1, 2}


def large_result() -> str:
    return "x" * 2_000_000


def exit_politely() -> NoReturn:
    sys.exit(3)


def exit_at_once(status: int) -> NoReturn:
    os._exit(status)


def crash() -> None:
    ctypes.string_at(0)


def eat(count_bytes: int) -> int:
    return len(b"x" * count_bytes)


def spin() -> None:
    while True:
        pass


def open_files(count: int) -> int:
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(count)])


def wait_for_ever() -> None:
    sys.stdout.write("ready\n")
    try:
        signal.pause()
    finally:
        sys.stdout.write("put away\n")


async def wait_for_ever_async() -> None:
    sys.stdout.write("ready\n")
    try:
        await asyncio.Event().wait()
    finally:
        sys.stdout.write("put away\n")


def wait_deaf() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    while True:
        signal.pause()


def leave_program() -> int:
    return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid


def leave_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def go_elsewhere() -> None:
    os.chdir("/")


def set_variable() -> None:
    os.environ["LEFT"] = "for the next one"


def stop_listening() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def fork_bomb() -> None:
    for _ in range(FORKS_MAX):
        if not os.fork():
            signal.pause()
    signal.pause()


def leave_and_wait() -> None:
    leave_program()
    wait_deaf()
