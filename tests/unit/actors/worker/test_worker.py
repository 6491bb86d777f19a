"""A worker whose port fails in ways that nobody has foreseen."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from seriatim.testing import rehearse
from tests.support.sample_app import add, app

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("verb", ["claim", "report"])
async def test_a_fault_of_ours_ends_no_worker(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    verb: str,
) -> None:
    async with rehearse(app, tmp_path, work=False) as rehearsal:
        access: Any = app.access
        real, failed = getattr(access, verb), 0

        async def fail_twice(*args: Any, **named: Any) -> Any:
            nonlocal failed
            if failed < 2:
                failed += 1
                raise RuntimeError("nobody has foreseen that")
            return await real(*args, **named)

        monkeypatch.setattr(access, verb, fail_twice)
        handle = await add.submit(1, 2)
        with caplog.at_level(logging.WARNING):
            await rehearsal.running.work("default")
            result = asyncio.ensure_future(handle.result())
            while not result.done():
                rehearsal.clock.advance(milliseconds=10)  # its pauses go by this clock
                await asyncio.sleep(0)
        assert await result == 3
        assert failed == 2
        assert f"cannot {verb}" in caplog.text
