"""The worker beside a node: begun anew when it dies, and left alone when it has ended as told."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from seriatim.formats.errors import RefusedError
from seriatim.gateway import worker_child
from seriatim.gateway.worker_child import WorkerBeside
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

URL: Final = "http://127.0.0.1:1"
TETHER: Final = """
from seriatim.gateway.worker_tether import WorkerTether
tether = WorkerTether.of_stdin()
"""
BEGUN: Final = f"{TETHER}tether.say_begun()\n"
REFUSED: Final = f"""{TETHER}
from seriatim.formats.errors import MalformedError
with tether.saying_errors():
    raise MalformedError("no such \\udcff module", code="bad_module")
"""
DIES: Final = "raise SystemExit(70)"
WAITS: Final = "tether._end.recv(1)\n"


class Children:
    """The programs that run in the place of workers, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, scripts: Sequence[str | OSError]) -> None:
        self.left = list(scripts)
        self._real = asyncio.create_subprocess_exec
        monkeypatch.setattr(asyncio, "create_subprocess_exec", self._begin)
        monkeypatch.setattr(worker_child, "WORKER_PAUSE_MIN_MS", 0)

    async def _begin(self, *command: str, **options: Any) -> Process:
        assert command[1:5] == ("-m", "seriatim", "worker", "run")
        script = self.left.pop(0)
        if isinstance(script, OSError):
            raise script
        return await self._real(
            sys.executable, "-c", script, stderr=asyncio.subprocess.DEVNULL, **options
        )


def never() -> None:
    raise AssertionError("the node is to go on")


async def test_it_is_begun_anew_until_it_has_ended_as_it_was_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    again = OSError(11, "Resource temporarily unavailable")
    children = Children(monkeypatch, [DIES, again, BEGUN + DIES, BEGUN, DIES])
    beside = WorkerBeside(tmp_path, ["m"])
    with caplog.at_level(logging.WARNING):
        async with beside.living(URL, never):
            await until(lambda: len(children.left) == 1 and "stays away" in caplog.text)
    assert [line.rpartition(" ")[2] for line in caplog.messages] == ["anew", "anew", "anew", "away"]
    assert "status 70" in caplog.messages[0]
    assert "could not be started" in caplog.messages[1]
    assert not beside.reason, "its operator knows"


async def test_one_that_cannot_begin_ends_its_node_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = Children(monkeypatch, [REFUSED])
    stop = asyncio.Event()
    with pytest.raises(RefusedError, match=r"^no such \? module$") as raised:
        async with WorkerBeside(tmp_path, ["m"]).living(URL, stop.set):
            await stop.wait()
    assert raised.value.code == "bad_module"
    assert not children.left


@pytest.mark.slow
async def test_one_that_can_begin_no_more_is_not_well_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The node goes on: it has other things to do."""
    Children(monkeypatch, [BEGUN + DIES, REFUSED, DIES, BEGUN + WAITS])
    beside = WorkerBeside(tmp_path, ["m"])
    with caplog.at_level(logging.WARNING):
        async with beside.living(URL, never):
            await until(lambda: bool(beside.reason))
            assert "module" not in beside.reason, "anybody may ask"
            await until(lambda: not beside.reason)
    assert "cannot begin: no such ? module" in caplog.text
