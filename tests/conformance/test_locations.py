"""Where schedulers are: signed records with nonces, kept while they count, and used to redirect."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from seriatim.actors import locations
from seriatim.actors.locations import Locations, known_location
from seriatim.formats.errors import MalformedError, RefusedError, StoreError
from seriatim.formats.httpsig.commitments import Fields, sign, verify
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import LOCATION_TTL_DEFAULT_MS, LOCATION_TTL_MAX_MS
from seriatim.formats.schedule.location import read_location
from seriatim.formats.signing.wallet import RsaWallet
from seriatim.formats.tabm.cbor import encode_cbor
from seriatim.formats.tabm.structured import Rich, to_tabm
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import TreePath
from tests.support.builders import CLIENT, spawn_item
from tests.support.http_node import serving
from tests.support.hyperbeam import client_wallet, rsa_wallet
from tests.support.hyperbeam_http import get, post
from tests.support.strategies import KEYS, known_wallet

OTHER = client_wallet()
ADDRESS = encode_id(OTHER.address)


def record(nonce: Rich = 0, *, wallet: RsaWallet = OTHER, **fields: Rich) -> Fields:
    said: dict[str, Rich] = {
        "type": "scheduler-location",
        "url": "http://node.example",
        "nonce": nonce,
        "time-to-live": 1_000,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return sign(to_tabm(said), wallet)


def test_a_record_is_kept_served_and_outlives_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            missing = await http.get(f"/~scheduler@1.0/location?address={ADDRESS}")
            assert missing.status == 404
            assert f"No location found for address: {ADDRESS}" in missing.json()["detail"]
            sent = record(3, time_to_live=10**9)
            assert (await post(http, sent, "/~scheduler@1.0/location")).status == 200
            later = record(4, time_to_live=10**9)
            assert (await post(http, later, "/~scheduler@1.0/record")).status == 200
            for nonce in (3, 2):
                old = await post(http, record(nonce), "/~scheduler@1.0/location")
                assert (old.status, orjson.loads(old.body)["code"]) == (400, "old_location")
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            reply = await get(http, f"/~scheduler@1.0/location?address={ADDRESS}")
            body = reply.message["body"]
            assert not isinstance(body, bytes)
            assert list(verify(body)) == [OTHER.address]
            plain = (await http.get(f"/~scheduler@1.0/location?address={ADDRESS}")).json()
            assert plain["body"]["url"] == "http://node.example"
            url = await http.get(f"/~scheduler@1.0/location/body/url?address={ADDRESS}")
            assert url.body == b"http://node.example"
            own = await post(http, record(wallet=rsa_wallet()), "/~scheduler@1.0/location")
            assert own.status == 200
            assert (await http.get("/~scheduler@1.0/location")).status == 200

    asyncio.run(main())


def test_a_spawn_for_a_scheduler_whose_place_is_known_is_sent_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            serving(tmp_path / "right", wallet=OTHER) as right,
            serving(tmp_path / "wrong", wallet=rsa_wallet()) as wrong,
        ):
            raw = spawn_item(None, tags={"Scheduler": ADDRESS}).raw
            refused = await wrong.post("/schedule", raw)
            assert (refused.status, refused.json()["code"]) == (400, "foreign_scheduler")
            url = f"http://127.0.0.1:{right.port}"
            await post(wrong, record(url=url, time_to_live=10**9), "/~scheduler@1.0/location")
            told = await wrong.post("/schedule", raw)
            assert (told.status, told.json()["code"]) == (307, "elsewhere")
            assert told.headers["location"] == f"{url}/schedule"
            assert (await right.post("/schedule", raw)).headers["slot"] == "0"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({**record(), "url": b"http://evil.example"}, "bad_signature"),
        (to_tabm({"type": "scheduler-location", "url": "http://x", "nonce": 0}), "bad_location"),
        (record(type="other"), "bad_location"),
        (record(url=1), "bad_location"),
        (record(nonce=-1), "bad_location"),
        (record(nonce="0"), "bad_location"),
        (record(time_to_live=0), "bad_location"),
        (record(url="ftp://node"), "outbound"),
        (record(url="http://user@node"), "outbound"),
    ],
)
def test_what_is_no_sound_record_is_refused(tmp_path: Path, message: Fields, code: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            reply = await post(http, message, "/~scheduler@1.0/location")
            assert (reply.status, orjson.loads(reply.body)["code"]) == (400, code)
            assert (await http.get(f"/~scheduler@1.0/location?address={ADDRESS}")).status == 404

    asyncio.run(main())


def test_a_node_without_a_wallet_of_that_kind_keeps_records_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=known_wallet(CLIENT)) as http:
            assert (await post(http, record(), "/~scheduler@1.0/location")).status == 200

    asyncio.run(main())


class Kept:
    """Records over a tree in memory, with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.tree = MemoryTree()
        self.now_ms = 5_000
        self.locations = self.open()

    def open(self) -> Locations:
        own = rsa_wallet().address
        return Locations(self.tree, self._store, lambda: self.now_ms, own=own)

    async def _store(self, path: TreePath, value: bytes | None) -> None:
        await asyncio.sleep(0)
        if value is None:
            self.tree.remove(path)
        else:
            self.tree.put(path, value)


def test_a_record_counts_as_long_as_it_says() -> None:
    async def main() -> None:
        kept = Kept()
        await kept.locations.keep(read_location(record()))
        for now_ms, counts in ((5_000, True), (5_999, True), (6_000, False)):
            kept.now_ms = now_ms
            assert (kept.locations.find(OTHER.address) is not None) == counts
        known = known_location(kept.tree, OTHER.address)
        assert known is not None, "its nonce counts for ever"
        assert (known[0], known[1].nonce) == (5_000, 0)
        with pytest.raises(RefusedError):
            await kept.locations.keep(read_location(record()))
        await kept.locations.keep(read_location(record(1)))
        assert kept.locations.find(OTHER.address) is not None

    asyncio.run(main())


def test_of_records_that_come_together_the_highest_nonce_stays() -> None:
    async def main() -> None:
        kept = Kept()
        nonces = (2, 5, 1, 4)
        keeping = (kept.locations.keep(read_location(record(nonce))) for nonce in nonces)
        results = await asyncio.gather(*keeping, return_exceptions=True)
        assert [isinstance(each, RefusedError) for each in results] == [False, False, True, True]
        found = kept.locations.find(OTHER.address)
        assert found is not None
        assert found.nonce == 5

    asyncio.run(main())


@pytest.mark.slow
def test_of_too_many_the_one_heard_longest_ago_makes_room_and_the_own_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        kept, own = Kept(), rsa_wallet()
        monkeypatch.setattr(locations, "LOCATIONS_MAX", 3)
        first, second, third = (
            rsa_wallet(KEYS / f"test-only-arweave-{name}.jwk.json")
            for name in ("user", "user2", "scheduler")
        )
        for wallet in (own, first, second):
            kept.now_ms += 1
            await kept.locations.keep(read_location(record(wallet=wallet)))
        kept.locations = kept.open()  # a restart knows the order, too
        kept.now_ms += 1
        await kept.locations.keep(read_location(record(1, wallet=first)))
        await kept.locations.keep(read_location(record(wallet=third)))
        there = [kept.locations.find(wallet.address) for wallet in (own, first, second, third)]
        assert [each is not None for each in there] == [True, True, False, True]

    asyncio.run(main())


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"no CBOR",
        encode_cbor({"heard": b"soon", "record": record()}),
        encode_cbor({"heard": b"1", "record": {"type": b"scheduler-location"}}),
    ],
)
def test_whatever_is_damaged_is_said_to_be_and_makes_room_first(stored: bytes) -> None:
    async def main() -> None:
        kept = Kept()
        kept.tree.put(("scheduler-locations", ADDRESS), stored)
        with pytest.raises(StoreError, match="damaged"):
            kept.locations.find(OTHER.address)
        await kept.locations.keep(read_location(record(wallet=rsa_wallet())))
        assert kept.locations.find(rsa_wallet().address) is not None

    asyncio.run(main())


def test_damage_is_said_and_lives_are_bounded() -> None:
    kept = Kept()
    kept.tree.put(("scheduler-locations", ADDRESS), encode_cbor({"heard": b"1"}))
    with pytest.raises(StoreError, match="damaged"):
        kept.locations.find(OTHER.address)
    assert read_location(record(time_to_live=10**15 - 1)).ttl_ms == LOCATION_TTL_MAX_MS
    without: dict[str, Rich] = {"type": "scheduler-location", "url": "http://x", "nonce": 0}
    assert read_location(sign(to_tabm(without), OTHER)).ttl_ms == LOCATION_TTL_DEFAULT_MS
    with pytest.raises(MalformedError):
        read_location({"type": b"scheduler-location"})
