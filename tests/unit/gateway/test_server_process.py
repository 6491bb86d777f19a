"""A server that does not start says so, and leaves no OS process behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.server_process import start_server

STOP = "import signal; signal.pause()"


def write_module(folder: Path, said: str) -> str:
    (folder / "stand_in.py").write_text(f"print({said!r}, flush=True)\n{STOP}\n")
    return "stand_in"


@pytest.mark.parametrize("said", ["", "\x80", "ready", "[1]", '{"error": "store"}', '{"url": 1}'])
def test_other_words_than_a_url_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def record(*arguments: str, stdout: int) -> asyncio.subprocess.Process:
        started.append(await create(*arguments, stdout=stdout))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", record)
    with pytest.raises(UnavailableError, match="stand_in did not start"):
        asyncio.run(start_server(write_module(tmp_path, said)))
    assert [child.returncode for child in started] == [-9]


def test_its_url_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def main() -> str:
        child, url = await start_server(write_module(tmp_path, '{"url": "http://x"}'))
        child.kill()
        await child.wait()
        return url

    assert asyncio.run(main()) == "http://x"
