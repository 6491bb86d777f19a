"""Pages of real nodes as a source reads them: cut to what was asked for, and off the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.wire.legacy_page import LegacyPageReader
from seriatim.formats.wire.page import PageEntry
from seriatim.formats.wire.schedule_page import SchedulePageReader
from seriatim.gateway import source as module
from seriatim.gateway.outbound import OutboundPolicy
from seriatim.gateway.url import read_url
from tests.support.node_sources import META, SLOTS, behind_a_proxy, source_at


@pytest.mark.parametrize("shape", ["schedule", "legacy"])
def test_a_page_that_says_more_than_was_asked_for_is_cut(shape: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            behind_a_proxy(tmp_path) as (_, proxy, process),
            source_at(proxy.url, process) as source,
        ):
            proxy.hidden = {META} if shape == "legacy" else set()
            pages: list[dict[str, Any]] = []
            proxy.tamper = lambda plain: pages.append(dict(plain))
            assert len(await source.page(0, SLOTS)) == SLOTS
            proxy.tamper = lambda plain: plain.update(pages[-1])
            assert [entry.slot for entry in await source.page(2, 3)] == [2, 3, 4]
            assert source.shape == shape

    asyncio.run(main())


@pytest.mark.parametrize("shape", ["schedule", "legacy"])
def test_what_is_long_is_parsed_off_the_loop(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SchedulePageReader if shape == "schedule" else LegacyPageReader
    entries = reader.entries
    is_on_loop: list[bool] = []

    def heard(self: Any, raw: bytes) -> Sequence[PageEntry]:
        is_on_loop.append(threading.current_thread() is threading.main_thread())
        return entries(self, raw)

    monkeypatch.setattr(reader, "entries", heard)

    async def main() -> None:
        async with (
            behind_a_proxy(tmp_path) as (_, proxy, process),
            source_at(proxy.url, process) as source,
        ):
            proxy.hidden = {META} if shape == "legacy" else set()
            await source.last()
            monkeypatch.setattr(module, "OFF_LOOP_MIN_BYTES", 0)
            is_on_loop.clear()
            assert await source.last() == SLOTS - 1
            await source.page(0, SLOTS)
            assert set(is_on_loop) == {False}

    asyncio.run(main())


def test_a_serving_node_reads_shorter_replies_than_a_follower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CATCH_UP_REPLY_MAX_BYTES", 1_000)

    async def main() -> None:
        async with behind_a_proxy(tmp_path) as (_, proxy, process):
            policy = OutboundPolicy(frozenset({read_url(proxy.url).origin}))
            async with module.opening_sources(policy) as open_source:
                with pytest.raises(LimitExceededError):
                    await open_source(proxy.url, process).page(0, SLOTS)
            async with source_at(proxy.url, process) as source:
                assert len(await source.page(0, SLOTS)) == SLOTS

    asyncio.run(main())
