"""Assignments in another form: signed once, on disk before they are seen, in bounded pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors import renditions
from seriatim.actors.node import Node
from seriatim.formats.errors import StoreError, UnsupportedError
from seriatim.formats.httpsig.canonical import canonical
from seriatim.formats.httpsig.commitments import verify
from seriatim.formats.limits import RENDITIONS_BATCH
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.tabm.cbor import decode_cbor
from tests.support.builders import messages, spawn
from tests.support.hyperbeam import http_spawn, rsa_wallet
from tests.support.running_node import WALLET, check_log, post, running


async def filled(node: Node, count: int) -> bytes:
    """Return a process with *count* data items after its spawn."""
    process = (await post(node, spawn(Variant.HYPERBEAM))).process
    await asyncio.gather(*(post(node, each) for each in messages(process, count)))
    return process


@pytest.mark.parametrize("in_children", [False, True], ids=["threads", "children"])
def test_a_rendition_is_made_once_and_is_on_disk_before_it_is_seen(
    tmp_path: Path, *, in_children: bool
) -> None:
    async def main() -> None:
        async with running(tmp_path, wallet=rsa_wallet(), in_children=in_children) as node:
            process = await filled(node, 1)
            assert node._log.rendition(process, 1) is None
            stored = node.stored(process, 1)
            found = await asyncio.gather(*(node.http_assignment(stored) for _ in range(3)))
            assert found[0] == found[1] == found[2]
            verify(canonical(found[0]))
            kept = node._log.rendition(process, 1)
            assert kept is not None
            assert decode_cbor(kept).items() <= found[0].items()
        async with running(tmp_path, wallet=rsa_wallet(), in_children=in_children) as node:
            assert await node.http_assignment(node.stored(process, 1)) == found[0]
            assert check_log(node, process) == 2, "the log itself is what it was"

    asyncio.run(main())


def test_pages_are_made_in_batches_and_come_again_from_memory(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, wallet=rsa_wallet()) as node:
            process = await filled(node, RENDITIONS_BATCH + 2)
            head = RENDITIONS_BATCH + 2
            entries, last = await node.http_entries(process, 0, head)
            assert (len(entries), last) == (head + 1, head)
            again, _ = await node.http_entries(process, 0, head)
            assert all(one is other for one, other in zip(entries, again, strict=True))
            beyond, last = await node.http_entries(process, head, head + 10)
            assert (beyond, last) == (entries[-1:], head), "it ends where the log ends"
            assert await node.http_entries(process, head + 1, head + 2) == ([], head)

    asyncio.run(main())


def test_a_page_ends_where_it_would_get_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(tmp_path, wallet=rsa_wallet()) as node:
            process = await filled(node, 3)
            entries, last = await node.http_entries(process, 0, 3)
            assert last == 3
            for size, ends_at in ((1, 0), (len(entries[0]) + len(entries[1]), 1)):
                monkeypatch.setattr(renditions, "HTTP_PAGE_MAX_BYTES", size)
                found, last = await node.http_entries(process, 0, 3)
                assert (found, last) == (entries[: ends_at + 1], ends_at)

    asyncio.run(main())


def test_what_was_signed_in_this_form_needs_no_other_signature(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, wallet=rsa_wallet()) as node:
            process = (await post(node, http_spawn())).process
            await node.http_entries(process, 0, 0)
            assert node._log.rendition(process, 0) is None

    asyncio.run(main())


def test_who_cannot_sign_says_so_and_who_stops_stores_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "a", wallet=WALLET) as node:
            process = await filled(node, 1)
            with pytest.raises(UnsupportedError, match="accept application/json"):
                await node.http_entries(process, 0, 1)
        async with running(tmp_path / "b", wallet=rsa_wallet()) as node:
            process = await filled(node, 1)
            stored = node.stored(process, 1)
            await node.close()
            with pytest.raises(StoreError, match="closed"):
                await node.http_assignment(stored)

    asyncio.run(main())
