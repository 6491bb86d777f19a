"""A node serves what its folder follows, and gives no slot in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.follow.folder import open_followed
from seriatim.actors.follow.follower import Follower
from seriatim.actors.keyring import folder_wallet
from seriatim.actors.offline import open_offline
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import FollowedError, RefusedError, StoreLockedError, UnsupportedError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import (
    CLIENT,
    every_kind,
    message,
    message_item,
    seal_log,
    spawn,
    unsigned,
)
from tests.support.hyperbeam import rsa_wallet
from tests.support.records import make_id
from tests.support.running_node import WALLET, check_log, post, running
from tests.support.sources import ListSource
from tests.support.strategies import known_wallet

OTHER = known_wallet(CLIENT)


async def follow(path: Path, source: ListSource) -> None:
    async with open_followed(path, source.process, url=source.url, now_ms=1) as copy:
        await Follower(
            copy, source, clock=ManualClock(), draw=lambda _: 0, tell=lambda news: None
        ).run(once=True)


@pytest.mark.parametrize("in_children", [False, True])
@pytest.mark.parametrize("variant", Variant)
def test_a_copy_is_read_and_never_written(
    variant: Variant, tmp_path: Path, *, in_children: bool
) -> None:
    drafts = every_kind(variant)
    source = ListSource(drafts[0].process, seal_log(drafts))
    process = source.process

    async def main() -> None:
        await follow(tmp_path, source)
        policy = Policy(accept_unsigned=True)
        async with running(tmp_path, wallet=OTHER, policy=policy, in_children=in_children) as node:
            stored = [each.record for each in node.schedule(process, 0, 100)]
            assert stored == source.records
            views = b",".join(node.views(process, 0, 100, separator=b","))
            assert bool(views) == (variant is Variant.LEGACY), "a copy has its views too"
            again = message(process, "again")
            for refused in (
                node.place(drafts_item, variant_default=variant)
                for drafts_item in (again, spawn(variant, "every kind"), message(process, "signed"))
            ):
                with pytest.raises(FollowedError) as caught:
                    await refused
                assert caught.value.url == source.url
                signer = encode_id(WALLET.address) if variant.signed else ""
                assert caught.value.scheduler == signer
                assert source.url in str(caught.value)
            with pytest.raises(FollowedError):
                await node.place(unsigned(process, "x"), variant_default=variant)
            with pytest.raises(FollowedError):
                await node.schedule_reference(process, make_id("elsewhere"))
            own = await post(node, spawn(Variant.NATIVE, "own"))
            await post(node, message(own.process, "mine"))
            assert check_log(node, own.process) == 2
            assert check_log(node, process) == len(source.records)
        with open_offline(tmp_path) as folder:
            assert folder.followed_from(process) == source.url
            assert folder.followed_from(own.process) is None
        with pytest.raises(RefusedError) as refusal:
            await follow(tmp_path, ListSource(own.process, []))
        assert refusal.value.code == "own_process"

    asyncio.run(main())


def test_nothing_of_a_copy_is_signed_here(tmp_path: Path) -> None:
    """Not even in another form, and not even by a node with the scheduler's own wallet."""
    drafts = every_kind(Variant.HYPERBEAM)
    source = ListSource(drafts[0].process, seal_log(drafts))

    async def main() -> None:
        await follow(tmp_path, source)
        async with running(tmp_path, wallet=rsa_wallet()) as node:
            with pytest.raises(UnsupportedError, match="is a copy"):
                await node.http_assignment(node.stored(source.process, 1))
            with pytest.raises(UnsupportedError, match="is a copy"):
                await node.http_entries(source.process, 0, 2)
            assert node._log.rendition(source.process, 1) is None
            own = await post(node, spawn(Variant.HYPERBEAM, "own"))
            await node.http_assignment(node.stored(own.process, 0))

    asyncio.run(main())


def test_a_process_that_is_marked_and_has_no_slot_yet_cannot_be_spawned(tmp_path: Path) -> None:
    first = spawn(Variant.NATIVE, "awaited")

    async def main() -> None:
        async with open_followed(tmp_path, first.process, url="http://a.example", now_ms=1):
            pass
        async with running(tmp_path) as node:
            with pytest.raises(FollowedError):
                await post(node, first)

    asyncio.run(main())


def test_a_folder_is_served_or_followed_into_one_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path):
            with pytest.raises(StoreLockedError):
                await follow(tmp_path, ListSource(make_id("p"), []))

    asyncio.run(main())


def test_what_others_have_signed_does_not_keep_a_folder_from_a_wallet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seriatim.actors.keyring.generate", lambda kind: OTHER)
    drafts = every_kind(Variant.LEGACY)
    asyncio.run(follow(tmp_path, ListSource(drafts[0].process, seal_log(drafts))))
    assert folder_wallet(tmp_path, on_making=lambda path: None).address == OTHER.address


def test_a_message_of_a_copy_is_refused_before_its_signature_is_checked(tmp_path: Path) -> None:
    """Anybody can make one up; it costs nothing here."""
    drafts = every_kind(Variant.LEGACY)
    source = ListSource(drafts[0].process, seal_log(drafts))
    forged = message_item(source.process, "forged")
    raw = forged.raw[:-1] + b"!"

    async def main() -> None:
        await follow(tmp_path, source)
        async with running(tmp_path) as node:
            submission = message(source.process, "x")._replace(message=raw)
            with pytest.raises(FollowedError):
                await post(node, submission)

    asyncio.run(main())
