"""What a loop of one's own says to who may not ask it: the same to nodes, apps and connections."""

from __future__ import annotations

import asyncio
import os

import pytest

from seriatim.actors.runtime.own_loop import OwnLoop
from seriatim.formats.errors import RefusedError, StoppingError, StoreError

pytestmark = pytest.mark.asyncio


async def answer() -> str:
    return "answered"


async def test_a_thread_has_its_coroutine_run_on_the_loop() -> None:
    assert await asyncio.to_thread(OwnLoop().run, answer()) == "answered"


async def test_its_own_thread_would_wait_for_itself() -> None:
    with pytest.raises(RefusedError, match="would wait for the answer: await it there") as raised:
        OwnLoop().run(answer())
    assert raised.value.code == "on_loop"


async def test_nothing_is_run_once_it_is_closed() -> None:
    loop = OwnLoop()
    loop.close()
    with pytest.raises(StoppingError, match="what was opened here is closed; open it again"):
        await asyncio.to_thread(loop.run, answer())
    with pytest.raises(StoppingError, match="what was opened here is closed; open it again"):
        loop.check()


async def test_a_fork_is_told_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = OwnLoop()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(StoreError, match="not for a fork"):
        loop.run(answer())


async def test_a_coroutine_on_another_loop_is_refused() -> None:
    loop = OwnLoop()
    loop.check()

    async def elsewhere() -> None:
        loop.check()

    with pytest.raises(RefusedError, match="opened on another event loop") as raised:
        await asyncio.to_thread(asyncio.run, elsewhere())
    assert raised.value.code == "other_loop"
