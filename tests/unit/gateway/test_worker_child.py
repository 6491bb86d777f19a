"""The worker beside a node: begun anew when it dies, and left alone when it has ended as told."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest

from seriatim.gateway import worker_child
from seriatim.gateway.worker_child import working_beside

pytestmark = pytest.mark.asyncio


async def test_it_is_begun_anew_until_it_has_ended_as_it_was_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    statuses, real = [1, 70, 0, 2], asyncio.create_subprocess_exec

    async def exec_one(*command: str, **options: Any) -> Process:
        assert command[1:4] == ("-m", "seriatim", "worker")
        return await real(sys.executable, "-c", f"raise SystemExit({statuses.pop(0)})", **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", exec_one)
    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(worker_child._keep("http://127.0.0.1:1", tmp_path, ["m"]), 60)
    assert statuses == [2]
    said = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" ")[2] for line in said] == ["anew", "anew", "away"]
    async with working_beside("http://127.0.0.1:1", tmp_path, ["m"]):
        pass
