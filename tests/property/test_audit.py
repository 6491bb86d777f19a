"""The audit: it accepts all that we write, and no log in which one thing is not as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import ChainBrokenError
from seriatim.formats.schedule.assignment import Draft
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Kind, Record
from seriatim.formats.schedule.submission import submit_reference
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from tests.support.builders import (
    CLIENT,
    NODE,
    every_kind,
    make_draft,
    make_tags,
    message,
    message_item,
    seal_log,
    spawn,
    unsigned,
)
from tests.support.records import make_id
from tests.support.strategies import known_wallet

WALLET = known_wallet(NODE)
OTHER = known_wallet(CLIENT)
SIGNED = [Variant.LEGACY, Variant.HYPERBEAM]


def audit(records: Sequence[Record], process: bytes, *, signatures: bool = True) -> Audit:
    checked = Audit(process, signatures=signatures)
    for slot, record in enumerate(records):
        checked.add(slot, record)
    return checked


class Log(NamedTuple):
    process: bytes
    records: list[Record]


@cache
def log_of(variant: Variant, name: str = "audited") -> Log:
    drafts = every_kind(variant, name)
    return Log(drafts[0].process, seal_log(drafts))


@st.composite
def drawn_drafts(draw: st.DrawFn) -> list[Draft]:
    """Draw a log of any variant, with any mixture of kinds and any rising timestamps."""
    variant = draw(st.sampled_from(Variant))
    first = spawn(variant if draw(st.booleans()) else None, draw(st.text(max_size=8)))
    submissions = [first]
    for data in draw(st.lists(st.binary(max_size=20), max_size=6)):
        kind = draw(st.sampled_from(Kind))
        if kind is Kind.ITEM:
            submissions.append(message(first.process, data))
        elif kind is Kind.UNSIGNED:
            submissions.append(unsigned(first.process, data.hex()))
        else:
            excludes = tuple(draw(st.lists(st.text(max_size=8), max_size=3)))
            submissions.append(
                submit_reference(first.process, make_id(data.hex()), excludes=excludes)
            )
    timestamp_ms = draw(st.integers(0, 2**41))
    drafts = []
    for slot, each in enumerate(submissions):
        drafts.append(make_draft(each, slot, variant, timestamp_ms=timestamp_ms))
        timestamp_ms += draw(st.integers(1, 10_000))
    return drafts


@given(drafts=drawn_drafts())
def test_everything_that_we_write_is_accepted(drafts: list[Draft]) -> None:
    variant = drafts[0].variant
    records = seal_log(drafts, wallet=WALLET)
    checked = audit(records, drafts[0].process)
    items = sum(draft.kind is Kind.ITEM for draft in drafts)
    assert checked.slots == len(drafts)
    assert checked.variant is variant
    assert checked.signatures == items + (len(drafts) if variant.signed else 0)
    assert checked.scheduler == (WALLET.address if variant.signed else None)
    assert checked.spawner == OTHER.address
    assert audit(records, drafts[0].process, signatures=False).signatures == 0


class Mutation(NamedTuple):
    """One thing that is not as it was, and where the audit has to say so.

    ``mutate`` changes a copy of the records at a slot; ``None`` means that there is nothing to
    change there. ``late`` is how many slots later the change shows at the latest.
    """

    name: str
    mutate: Callable[[Log, int, Random], list[Record] | None]
    variants: Sequence[Variant] = tuple(Variant)


def flip(raw: bytes, random: Random) -> bytes:
    """Return *raw* with one bit changed."""
    at = random.randrange(len(raw) * 8)
    changed = bytearray(raw)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def replaced(log: Log, slot: int, record: Record) -> list[Record]:
    return [*log.records[:slot], record, *log.records[slot + 1 :]]


def flip_field(name: str) -> Callable[[Log, int, Random], list[Record] | None]:
    at = Record._fields.index(name)

    def mutate(log: Log, slot: int, random: Random) -> list[Record] | None:
        values: list[Any] = list(log.records[slot])
        if not values[at]:
            return None
        values[at] = flip(values[at], random)
        return replaced(log, slot, Record(*values))

    return mutate


def signed_again(
    log: Log, slot: int, change: Callable[[list[Tag]], list[Tag]], wallet: Wallet = WALLET
) -> list[Record]:
    """Return the log with the assignment at *slot* signed anew, over changed tags."""
    record = log.records[slot]
    before = DataItem.decode(record.assignment)
    item = sign_item(
        wallet, target=b"", anchor=bytes(before.anchor), tags=change(list(before.tags)), data=b""
    )
    return replaced(log, slot, record._replace(assignment_id=item.id, assignment=item.raw))


def swap(log: Log, slot: int, random: Random) -> list[Record] | None:
    if slot + 1 == len(log.records):
        return None
    records = list(log.records)
    records[slot], records[slot + 1] = records[slot + 1], records[slot]
    return records


def drop(log: Log, slot: int, random: Random) -> list[Record] | None:
    return log.records[:slot] + log.records[slot + 1 :] if slot + 1 < len(log.records) else None


def repeat(log: Log, slot: int, random: Random) -> list[Record] | None:
    return [*log.records[: slot + 1], *log.records[slot:]]


def other_time(log: Log, slot: int, random: Random) -> list[Record] | None:
    record = log.records[slot]
    return replaced(log, slot, record._replace(timestamp_ms=record.timestamp_ms + 1_000_000))


def no_later(log: Log, slot: int, random: Random) -> list[Record] | None:
    if slot == 0:
        return None
    before_ms = log.records[slot - 1].timestamp_ms
    record = log.records[slot]
    return replaced(log, slot, record._replace(timestamp_ms=before_ms - random.randrange(2)))


def other_message(log: Log, slot: int, random: Random) -> list[Record] | None:
    record = log.records[slot]
    if record.kind is not Kind.ITEM:
        return None
    genuine = message_item(log.process, "genuine, but not the one that was placed")
    return replaced(log, slot, record._replace(message=bytes(genuine.raw)))


def other_message_and_id(log: Log, slot: int, random: Random) -> list[Record] | None:
    record = log.records[slot]
    if record.kind is not Kind.ITEM:
        return None
    genuine = message_item(log.process, "genuine, but not the one that was placed")
    return replaced(log, slot, record._replace(message=bytes(genuine.raw), message_id=genuine.id))


def message_elsewhere(log: Log, slot: int, random: Random) -> list[Record] | None:
    """Only the chain tells for variants that are not signed, so it is made to fit."""
    if slot == 0:
        return None
    variant = log.records[0].variant
    drafts = every_kind(variant, "audited")
    genuine = message(make_id("another process"), "for another process")
    drafts[slot] = make_draft(genuine._replace(process=log.process), slot, variant)
    return seal_log(drafts)


def other_assignment(log: Log, slot: int, random: Random) -> list[Record] | None:
    """The assignment of the same slot of another process, by the same scheduler."""
    other = log_of(log.records[0].variant, "another").records[slot]
    record = log.records[slot]
    return replaced(
        log,
        slot,
        record._replace(assignment=other.assignment, assignment_id=other.assignment_id),
    )


def other_scheduler(log: Log, slot: int, random: Random) -> list[Record] | None:
    return signed_again(log, slot, lambda tags: tags, OTHER) if slot else None


def extra_tag(log: Log, slot: int, random: Random) -> list[Record] | None:
    extra = make_tags({"Exclude-Not": "x"})

    def change(tags: list[Tag]) -> list[Tag]:
        at = random.randrange(len(tags) + 1)
        return [*tags[:at], *extra, *tags[at:]]

    return signed_again(log, slot, change)


def missing_tag(log: Log, slot: int, random: Random) -> list[Record] | None:
    def change(tags: list[Tag]) -> list[Tag]:
        kept = [at for at, tag in enumerate(tags) if tag.name != b"Exclude"]
        at = random.choice(kept)
        return [*tags[:at], *tags[at + 1 :]]

    return signed_again(log, slot, change)


def other_tag(log: Log, slot: int, random: Random) -> list[Record] | None:
    """Change a tag that the record determines; the block and the path are the scheduler's."""
    free = {
        b"Exclude",
        b"Block-Height",
        b"block-height",
        b"block-hash",
        b"block-timestamp",
        b"path",
    }

    def change(tags: list[Tag]) -> list[Tag]:
        at = random.choice([at for at, tag in enumerate(tags) if tag.name not in free])
        return [*tags[:at], Tag(tags[at].name, tags[at].value + b"0"), *tags[at + 1 :]]

    return signed_again(log, slot, change)


def not_a_number(log: Log, slot: int, random: Random) -> list[Record] | None:
    def change(tags: list[Tag]) -> list[Tag]:
        return [
            Tag(name, b"high") if name.lower() == b"block-height" else Tag(name, value)
            for name, value in tags
        ]

    return signed_again(log, slot, change)


def more_than_tags(log: Log, slot: int, random: Random) -> list[Record] | None:
    """Something beside the tags that the scheduler has signed too."""
    record = log.records[slot]
    before = DataItem.decode(record.assignment)
    surplus = random.choice(["target", "data"])
    if record.variant is Variant.HYPERBEAM:
        surplus = random.choice(["target", "data", "anchor"])
    item = sign_item(
        WALLET,
        target=make_id("target") if surplus == "target" else b"",
        anchor=make_id("anchor") if surplus == "anchor" else bytes(before.anchor),
        tags=before.tags,
        data=b"surplus" if surplus == "data" else b"",
    )
    return replaced(log, slot, record._replace(assignment_id=item.id, assignment=item.raw))


def other_variant(log: Log, slot: int, random: Random) -> list[Record] | None:
    """A genuine record of the same messages in a log of another variant."""
    if slot == 0:
        return None
    variant = random.choice([each for each in Variant if each is not log.records[0].variant])
    drafts = [each._replace(variant=variant) for each in every_kind(log.records[0].variant)]
    return replaced(log, slot, seal_log(drafts)[slot])


def surplus_assignment(log: Log, slot: int, random: Random) -> list[Record] | None:
    return replaced(log, slot, log.records[slot]._replace(assignment=b"surplus"))


def surplus_message(log: Log, slot: int, random: Random) -> list[Record] | None:
    record = log.records[slot]
    if record.kind is not Kind.REFERENCE:
        return None
    return replaced(log, slot, record._replace(message=b"surplus"))


def spawn_as_reference(log: Log, slot: int, random: Random) -> list[Record] | None:
    if slot:
        return None
    return replaced(log, 0, log.records[0]._replace(kind=Kind.REFERENCE, message=b""))


MUTATIONS = [
    Mutation("two slots swapped", swap),
    Mutation("a slot dropped", drop),
    Mutation("a slot repeated", repeat),
    Mutation("another timestamp", other_time, SIGNED),
    Mutation("a timestamp that does not rise", no_later),
    Mutation("a bit of the message", flip_field("message")),
    Mutation("a bit of the message's id", flip_field("message_id")),
    Mutation("another genuine message", other_message),
    Mutation("another genuine message and its id", other_message_and_id),
    Mutation("a message for another process", message_elsewhere),
    Mutation("a bit of the chain", flip_field("hash_chain")),
    Mutation("a bit of the assignment", flip_field("assignment"), SIGNED),
    Mutation("a bit of the assignment's id", flip_field("assignment_id")),
    Mutation("an assignment of another process", other_assignment, SIGNED),
    Mutation("another scheduler's signature", other_scheduler, SIGNED),
    Mutation("a tag more", extra_tag, SIGNED),
    Mutation("a tag less", missing_tag, SIGNED),
    Mutation("another tag", other_tag, SIGNED),
    Mutation("a block height that is no number", not_a_number, SIGNED),
    Mutation("an assignment of more than tags", more_than_tags, SIGNED),
    Mutation("a record of another variant", other_variant),
    Mutation("bytes of an assignment where none is", surplus_assignment, [Variant.NATIVE]),
    Mutation("bytes of a message where none is", surplus_message),
    Mutation("a spawn that is not there", spawn_as_reference),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
@given(data=st.data())
def test_one_thing_that_is_not_as_it_was_is_refused_at_its_slot(
    mutation: Mutation, data: st.DataObject
) -> None:
    log = log_of(data.draw(st.sampled_from(mutation.variants), label="variant"))
    slot = data.draw(st.integers(0, len(log.records) - 1), label="slot")
    random = Random(data.draw(st.integers(0, 2**16), label="seed"))
    mutated = mutation.mutate(log, slot, random)
    if mutated is None:
        return
    with pytest.raises(ChainBrokenError) as caught:
        audit(mutated, log.process)
    later = 1 if mutation.mutate is repeat else 0
    assert caught.value.slot == slot + later
    assert caught.value.expected != caught.value.given
    assert f"slot {slot + later}:" in str(caught.value)


@pytest.mark.parametrize("variant", Variant)
def test_every_mutation_changes_something_somewhere(variant: Variant) -> None:
    """A mutation that never applies would make the test above say nothing."""
    log = log_of(variant)
    for mutation in MUTATIONS:
        if variant not in mutation.variants:
            continue
        changed = [mutation.mutate(log, slot, Random(slot)) for slot in range(len(log.records))]
        assert any(each is not None and each != log.records for each in changed), mutation.name


@pytest.mark.parametrize("variant", SIGNED)
def test_the_first_scheduler_is_the_only_one(variant: Variant) -> None:
    """Where slot 0 is another's, slot 1 shows it: by its signer, or by what it chains to."""
    log = log_of(variant)
    mutated = signed_again(log, 0, lambda tags: tags, OTHER)
    with pytest.raises(ChainBrokenError) as caught:
        audit(mutated, log.process)
    assert caught.value.slot == 1


def test_a_log_begins_with_the_spawn_of_its_process() -> None:
    log = log_of(Variant.NATIVE)
    with pytest.raises(ChainBrokenError, match="message of slot 0"):
        audit(log.records, make_id("another process"))
    other = message(make_id("elsewhere"), "no spawn")
    drafts = [make_draft(other._replace(process=other.message_id), 0, Variant.NATIVE)]
    with pytest.raises(ChainBrokenError):
        audit(seal_log(drafts), other.message_id)
    plain = unsigned(make_id("elsewhere"), "no spawn")
    plain_drafts = [make_draft(plain._replace(process=plain.message_id), 0, Variant.NATIVE)]
    with pytest.raises(ChainBrokenError, match="a spawn"):
        audit(seal_log(plain_drafts), plain.message_id)


def test_bytes_that_are_no_item_are_refused_with_the_reason() -> None:
    log = log_of(Variant.LEGACY)
    record = log.records[1]
    for broken in (record._replace(message=b"no item"), record._replace(assignment=b"no item")):
        with pytest.raises(ChainBrokenError, match="slot 1"):
            audit(replaced(log, 1, broken), log.process)


@pytest.mark.parametrize("variant", Variant)
def test_a_spawn_is_at_home_in_slot_0_only(variant: Variant) -> None:
    first = spawn(variant)
    records = seal_log([make_draft(first, slot, variant) for slot in range(2)])
    with pytest.raises(ChainBrokenError, match="spawn"):
        audit(records, first.process)


@pytest.mark.parametrize("variant", Variant)
def test_a_log_is_of_the_variant_that_its_spawn_names(variant: Variant) -> None:
    for named in set(Variant) - {variant}:
        first = spawn(named)
        with pytest.raises(ChainBrokenError, match="variant"):
            audit(seal_log([make_draft(first, 0, variant)]), first.process)
