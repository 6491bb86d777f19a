"""A follower keeps what holds, and names what does not, with the bytes that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import (
    ForkError,
    GapError,
    NotVerifiableError,
    RewrittenError,
    TamperedError,
    UnavailableError,
    UnsupportedError,
)
from seriatim.formats.ids import b64url_decode, encode_id
from seriatim.formats.limits import FOLLOW_COMPARE_REQUESTS
from seriatim.formats.schedule.assignment import Draft, link_of
from seriatim.formats.schedule.seal import seal
from seriatim.formats.schedule.submission import Submission, submit_item
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.scheme import WalletKind
from tests.support.builders import (
    CLIENT,
    NODE,
    every_kind,
    make_draft,
    message,
    message_item,
    messages,
    seal_log,
    spawn_item,
)
from tests.support.copies import Copy
from tests.support.hyperbeam import http_spawn, http_submission, rsa_wallet
from tests.support.records import make_id
from tests.support.sources import ListSource, drafts_of, forked, source_of
from tests.support.strategies import known_wallet

SIGNED = [Variant.LEGACY, Variant.HYPERBEAM]


def test_a_copy_is_the_source_byte_for_byte_whatever_the_pages(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"

    @given(
        variant=st.sampled_from(Variant),
        count=st.integers(1, 12),
        page_slots=st.integers(1, 15),
        reply_slots_max=st.integers(1, 15),
        lives=st.lists(st.integers(1, 12), max_size=3),
    )
    def check(
        variant: Variant, count: int, page_slots: int, reply_slots_max: int, lives: list[int]
    ) -> None:
        drafts = every_kind(variant, "followed")
        drafts += [
            make_draft(each, slot, variant)
            for slot, each in enumerate(messages(drafts[0].process, 12), len(drafts))
        ]
        source = source_of(drafts[:count])
        source.reply_slots_max = reply_slots_max
        whole = list(source.records)
        copy = Copy(source.process, evidence)
        for seen in [*sorted(lives), count]:
            source.records = whole[:seen]
            copy.follow(source, page_slots=page_slots)
        assert copy.records == whole
        assert [record.encode() for record in copy.records] == [r.encode() for r in whole]

    check()


def http_drafts(first: Submission, *texts: bytes) -> list[Draft]:
    rest = [http_submission(first.process, text, is_signed=text != b"plain") for text in texts]
    return [make_draft(each, slot, Variant.HYPERBEAM) for slot, each in enumerate([first, *rest])]


def test_http_messages_are_followed_and_their_findings_named(tmp_path: Path) -> None:
    first = http_spawn()
    drafts = http_drafts(first, b"one", b"plain", b"three", b"four")
    other = [*drafts[:4], *http_drafts(first, b"1", b"2", b"3", b"other")[4:]]
    whole = seal_log(drafts, wallet=rsa_wallet())
    source = ListSource(first.process, whole)
    copy = Copy(source.process, tmp_path)
    source.records = whole[:3]
    copy.follow(source)
    source.records = whole
    copy.follow(source)
    assert copy.records == whole
    source.records = seal_log(other, wallet=rsa_wallet())
    found = copy.finding(source, ForkError, 4)
    source.records = whole
    assert found["scheduler"] == encode_id(rsa_wallet().address)
    source.tampers[4] = set_at("body", "data", value="forged")
    copy.finding(source, RewrittenError, 4)
    fresh = Copy(source.process, tmp_path / "fresh")
    fresh.finding(source, TamperedError, 4)
    assert fresh.records == whole[:4]


@pytest.mark.parametrize("variant", Variant)
def test_a_hidden_slot_is_a_gap(variant: Variant, tmp_path: Path) -> None:
    source = source_of(drafts_of(variant, 10))
    source.hidden = {6}
    copy = Copy(source.process, tmp_path)
    found = copy.finding(source, GapError, 6)
    assert copy.records == source.records[:6], "what holds is kept"
    assert orjson.loads(b64url_decode(found["entry"]))["slot"] == 7
    source.hidden = set()
    copy.follow(source)
    assert copy.records == source.records


def test_a_gap_is_one_whatever_comes_behind_it(tmp_path: Path) -> None:
    drafts = drafts_of(Variant.LEGACY, 5)
    drafts.append(make_draft(message(drafts[0].process, b"\xff"), 5, Variant.LEGACY))
    source = source_of(drafts, shape="legacy")
    source.hidden = {4}
    Copy(source.process, tmp_path).finding(source, GapError, 4)


def test_a_stored_slot_that_is_hidden_before_a_later_one_is_a_gap(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 6))
    whole = source.records
    copy = Copy(source.process, tmp_path)
    source.records = whole[:4]
    copy.follow(source)
    source.records = whole
    source.hidden = {3}
    found = copy.finding(source, GapError, 3)
    assert orjson.loads(b64url_decode(found["entry"]))["slot"] == 4
    source.hidden = {1}
    copy.drawn = [1]
    copy.finding(source, GapError, 1)


@pytest.mark.parametrize("variant", SIGNED)
@pytest.mark.parametrize("more", [0, 3])
def test_two_signed_assignments_of_one_slot_are_a_fork(
    variant: Variant, more: int, tmp_path: Path
) -> None:
    source, other = forked(variant, 4, 9)
    source.records = source.records[: 9 - more]
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    slot = 8 - more
    found = copy.finding(other, ForkError, slot)
    assert copy.records == source.records
    # A third person needs nothing but the file.
    items = [
        DataItem.decode(b64url_decode(found[which]["assignment"]))
        for which in ("stored", "received")
    ]
    assert items[0] != items[1]
    for item in items:
        item.verify()
        assert encode_id(item.address) == found["scheduler"]
        tags = {tag.name.lower(): tag.value for tag in item.tags}
        assert tags[b"process"].decode() == found["process"]
        assert int(tags.get(b"slot") or tags[b"nonce"]) == slot


def test_a_fork_with_the_same_chain_is_seen_by_comparing(tmp_path: Path) -> None:
    """``ao.N.1`` chains over messages: another timestamp leaves the chain as it is."""
    drafts = drafts_of(Variant.HYPERBEAM, 9)
    source = source_of(drafts)
    other = source_of([each._replace(timestamp_ms=each.timestamp_ms + 500) for each in drafts])
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    copy.finding(other, ForkError, 8)


def test_a_source_that_forks_while_it_is_followed_is_seen_from_time_to_time(tmp_path: Path) -> None:
    source, other = forked(Variant.LEGACY, 3, 6)
    copy = Copy(source.process, tmp_path)
    follower = copy.follower(source)

    async def main() -> None:
        await follower.run(once=True)
        source.records = other.records
        for _ in range(FOLLOW_COMPARE_REQUESTS):
            await follower.run(once=True)

    with pytest.raises(ForkError):
        asyncio.run(main())


@pytest.mark.parametrize("variant", SIGNED)
def test_a_stored_slot_that_the_scheduler_has_not_signed_again_is_rewritten(
    variant: Variant, tmp_path: Path
) -> None:
    drafts = drafts_of(variant, 5)
    source = source_of(drafts)
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    other = drafts_of(variant, 5, "other ")
    source.records = seal_log([*drafts[:4], other[4]], wallet=known_wallet(CLIENT))
    found = copy.finding(source, RewrittenError, 4)
    assert "scheduler" in found["given"]


def test_an_unsigned_log_cannot_fork_it_can_be_rewritten(tmp_path: Path) -> None:
    source, other = forked(Variant.NATIVE, 3, 6)
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    copy.finding(other, RewrittenError, 5)


def test_a_stored_message_that_the_source_hides_is_rewritten(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 5))
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    source.tampers[4] = lambda plain: plain.pop("body")
    copy.finding(source, RewrittenError, 4)


def set_at(*way: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets the value at *way*; ``*`` is the only key that there is."""

    def tamper(plain: dict[str, Any]) -> None:
        place = plain
        for step in way[:-1]:
            place = next(iter(place.values())) if step == "*" else place[step]
        assert place[way[-1]] != value
        place[way[-1]] = value

    return tamper


TAMPERED = {
    "message": set_at("body", "data", value="forged"),
    "message signature": set_at("body", "commitments", "*", "signature", value="A" * 86),
    "assignment signature": set_at("commitments", "*", "signature", value="A" * 87),
    "chain": set_at("hash-chain", value="A" * 43),
    "timestamp": set_at("timestamp", value=1),
    "message id": set_at("message", value="A" * 43),
    "variant": set_at("variant", value="seriatim.1"),
    "process": set_at("process", value="A" * 43),
    "no body": lambda plain: plain.pop("body"),
    "nonsense": lambda plain: plain.update(body=7, commitments=[]),
}


@pytest.mark.parametrize("variant", SIGNED)
@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_entry_is_named(variant: Variant, name: str, tmp_path: Path) -> None:
    source = source_of(drafts_of(variant, 9))
    source.tampers[6] = TAMPERED[name]
    copy = Copy(source.process, tmp_path)
    if name == "no body":
        # The assignment alone holds: a message that lives elsewhere is what a legacy assign is.
        copy.follow(source)
        return
    found = copy.finding(source, TamperedError, 6)
    assert copy.records == source.records[:6]
    assert found["before"]["hash-chain"] == encode_id(source.records[5].hash_chain)
    assert found["stored"] is None
    assert orjson.loads(b64url_decode(found["entry"]))["slot"] == 6


def test_a_time_that_nobody_has_signed_is_the_sources_own(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.NATIVE, 9))
    source.tampers[6] = TAMPERED["timestamp"]
    Copy(source.process, tmp_path).finding(source, TamperedError, 6)


def test_a_tampered_first_slot_is_named(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 3))
    source.tampers[0] = TAMPERED["chain"]
    found = Copy(source.process, tmp_path).finding(source, TamperedError, 0)
    assert found["before"] is None


def test_a_legacy_page_of_text_is_followed_and_a_forged_message_named(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 9), shape="legacy")
    source.tampers[6] = set_at("message", "data", value="forged")
    copy = Copy(source.process, tmp_path)
    copy.finding(source, TamperedError, 6)
    source.tampers.clear()
    copy.follow(source)
    assert copy.records == source.records


@pytest.mark.parametrize("anchor", [b"", bytes(range(128, 160))])
@pytest.mark.parametrize("is_changed", [False, True])
def test_nobody_is_accused_where_an_anchor_may_have_been_left_out(
    tmp_path: Path, anchor: bytes, *, is_changed: bool
) -> None:
    first, *rest = drafts_of(Variant.LEGACY, 3)
    item = message_item(first.process, "hello", anchor=anchor)
    odd = make_draft(submit_item(item), 3, Variant.LEGACY)
    source = source_of([first, *rest, odd], shape="legacy")
    if is_changed:
        source.tampers[3] = set_at("message", "data", value="forged")
    copy = Copy(source.process, tmp_path / "evidence")
    if anchor or is_changed:
        with pytest.raises(NotVerifiableError, match="its anchor, is not text"):
            copy.follow(source)
        assert copy.records == source.records[:3]
    else:
        copy.follow(source)
        assert copy.records == source.records
    assert not (tmp_path / "evidence").exists()


def test_what_a_page_cannot_carry_ends_without_an_accusation(tmp_path: Path) -> None:
    source = source_of(every_kind(Variant.LEGACY), shape="legacy")
    copy = Copy(source.process, tmp_path / "evidence")
    with pytest.raises(NotVerifiableError):
        copy.follow(source)
    assert copy.records == source.records[:2]
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("variant", SIGNED)
@pytest.mark.parametrize("step_ms", [0, -7])
def test_a_signed_time_that_does_not_rise_ends_without_an_accusation(
    variant: Variant, step_ms: int, tmp_path: Path
) -> None:
    """An ao unit's timestamps may tie, and go back with its clock."""
    drafts = drafts_of(variant, 6)
    late = drafts[3].timestamp_ms + step_ms
    source = source_of([*drafts[:4], drafts[4]._replace(timestamp_ms=late), drafts[5]])
    copy = Copy(source.process, tmp_path / "evidence")
    with pytest.raises(UnsupportedError, match="slot 4: the scheduler has signed a timestamp"):
        copy.follow(source)
    assert copy.records == source.records[:4]
    assert not (tmp_path / "evidence").exists()
    # With anything else wrong beside it, it is what it looks like.
    source.tampers[4] = TAMPERED["chain"]
    copy.finding(source, TamperedError, 4)


@pytest.mark.parametrize("is_http", [False, True])
def test_a_chain_that_goes_on_from_text_ends_without_an_accusation(
    tmp_path: Path, *, is_http: bool
) -> None:
    """HyperBEAM of May 2025 reads the last value back from its store as text when it restarts."""
    wallet = rsa_wallet()
    first = http_spawn()
    drafts = http_drafts(first, b"one", b"two", b"three")
    if not is_http:
        drafts = drafts_of(Variant.HYPERBEAM, 4)
    whole = seal_log(drafts, wallet=wallet)
    link = link_of(whole[1])
    text = link._replace(hash_chain=encode_id(link.hash_chain).encode())
    source = ListSource(drafts[0].process, whole)
    source.records[2], _ = seal(drafts[2], text, wallet, anchor=b"")
    copy = Copy(source.process, tmp_path / "evidence")
    with pytest.raises(UnsupportedError, match="slot 2: the scheduler has signed a chain over the"):
        copy.follow(source)
    assert copy.records == source.records[:2]
    assert not (tmp_path / "evidence").exists()
    # Signed by anybody else, or about anything else, it is what it looks like.
    source.records[2], _ = seal(drafts[2], text, known_wallet(WalletKind.RSA), anchor=b"")
    copy.finding(source, TamperedError, 2)
    source.records[2], _ = seal(drafts[3]._replace(slot=2), link, wallet, anchor=b"")
    source.tampers[2] = set_at("hash-chain", value="A" * 43)
    copy.finding(source, TamperedError, 2)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_log_is_the_named_schedulers(is_named: bool, tmp_path: Path) -> None:
    """Else whoever serves a spawn could sign a log of its own for it."""
    scheduler = encode_id(known_wallet(NODE).address if is_named else make_id("another"))
    item = spawn_item(Variant.LEGACY, "named", tags={"Scheduler": scheduler})
    first = submit_item(item)
    drafts = [make_draft(first, 0, Variant.LEGACY)]
    drafts.append(make_draft(message(first.process, "one"), 1, Variant.LEGACY))
    source = source_of(drafts)
    copy = Copy(source.process, tmp_path)
    if is_named:
        copy.follow(source)
        assert copy.records == source.records
    else:
        assert "names scheduler" in copy.finding(source, TamperedError, 0)["given"]


def test_a_source_that_has_lost_slots_is_behind_and_is_waited_for(tmp_path: Path) -> None:
    source, other = forked(Variant.LEGACY, 4, 6)
    whole = source.records
    copy = Copy(source.process, tmp_path)
    copy.follow(source)
    source.records = whole[:3]
    copy.follow(source)
    assert copy.news[-1].what == "behind"
    source.records = other.records[:5]
    copy.finding(source, ForkError, 4)


def test_once_does_not_wait(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 2))
    source.away = 1
    with pytest.raises(UnavailableError):
        Copy(source.process, tmp_path).follow(source)


def test_the_same_finding_again_takes_no_more_room(tmp_path: Path) -> None:
    source = source_of(drafts_of(Variant.LEGACY, 3))
    source.hidden = {1}
    copy = Copy(source.process, tmp_path)
    for _ in range(3):
        copy.finding(source, GapError, 1)
    assert len(list(tmp_path.iterdir())) == 1
