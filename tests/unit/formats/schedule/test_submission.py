"""Submissions: which process a message goes to, and what it may ask of its assignment."""

from __future__ import annotations

from typing import Any

import pytest

from seriatim.formats.ans104.avro import Tag
from seriatim.formats.ans104.codec import to_message
from seriatim.formats.ans104.item import DataItem, sign_item
from seriatim.formats.errors import (
    ForeignSchedulerError,
    FormatError,
    LimitExceededError,
    MalformedError,
    RefusedError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import ASSIGNMENT_PATH_MAX_BYTES, EXCLUDES_MAX, EXCLUDES_MAX_BYTES
from seriatim.formats.message import Message
from seriatim.formats.schedule.assignment import FIRST_LINK
from seriatim.formats.schedule.record import Kind
from seriatim.formats.schedule.seal import seal
from seriatim.formats.schedule.submission import (
    DEFAULT_PATH,
    Spawn,
    submit_item,
    submit_reference,
    submit_unsigned,
)
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import CLIENT, NODE, make_draft, message_item, spawn_item
from tests.support.records import make_id
from tests.support.strategies import known_wallet

PROCESS = make_id("the process")
OTHER = make_id("another process")


def item_of(*pairs: tuple[str | bytes, str | bytes], target: bytes = b"") -> DataItem:
    tags = [
        Tag(*(half.encode() if isinstance(half, str) else half for half in pair)) for pair in pairs
    ]
    return sign_item(known_wallet(CLIENT), target=target, anchor=b"", tags=tags, data=b"")


@pytest.mark.parametrize("name", ["Type", "type"])
def test_a_spawn_goes_to_the_process_that_it_starts(name: str) -> None:
    item = item_of((name, "Process"), ("Variant", "ao.TN.1"), ("Scheduler", "us"))
    submission = submit_item(item)
    assert submission.process == submission.message_id == item.id
    assert submission.spawn == Spawn(Variant.LEGACY, "us")
    assert submission.slot_key == submission.message_id
    assert submit_item(item, process=item.id) == submission
    with pytest.raises(MalformedError) as caught:
        submit_item(item, process=OTHER)
    assert caught.value.code == "wrong_process"


def test_a_message_goes_to_its_target_or_to_where_it_was_sent() -> None:
    addressed = item_of(("Path", "/push"), target=PROCESS)
    assert submit_item(addressed).process == PROCESS
    assert submit_item(addressed, process=PROCESS).path == "/push"
    named = item_of(("target", encode_id(PROCESS)))
    assert submit_item(named).process == PROCESS
    bare = item_of()
    assert submit_item(bare, process=PROCESS).process == PROCESS
    assert submit_item(bare, process=PROCESS).path == DEFAULT_PATH


@pytest.mark.parametrize(
    ("item", "process", "code"),
    [
        (item_of(target=PROCESS), OTHER, "wrong_process"),
        (item_of(("target", encode_id(PROCESS))), OTHER, "wrong_process"),
        (item_of(), None, "no_target"),
        (item_of(("target", "")), None, "no_target"),
        (item_of(("target", "short")), PROCESS, "bad_id"),
        (item_of(("target", b"\xff" * 43)), PROCESS, "bad_tag_text"),
        (item_of(("Type", b"\xff"), target=PROCESS), None, "bad_tag_text"),
        (item_of(("Path", b"\xff"), target=PROCESS), None, "bad_tag_text"),
        (item_of(("Type", "Process"), ("Variant", "ao.X")), None, "unknown_variant"),
        (item_of(("Type", "Process"), ("Variant", b"\xff")), None, "bad_tag_text"),
        (item_of(("Type", "Process"), ("Scheduler", b"\xff")), None, "bad_tag_text"),
    ],
)
def test_an_item_without_one_clear_place_is_refused(
    item: DataItem, process: bytes | None, code: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        submit_item(item, process=process)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("fields", "process", "code"),
    [
        ({"target": encode_id(PROCESS)}, OTHER, "wrong_process"),
        ({"data": "x"}, None, "no_target"),
        ({"target": 7}, None, "no_target"),
        ({"target": "short"}, None, "bad_id"),
        ({"type": "Process"}, OTHER, "wrong_process"),
        ({"type": "Process", "variant": "ao.X"}, None, "unknown_variant"),
        ({"a": None}, PROCESS, "bad_value"),
    ],
)
def test_an_unsigned_message_without_one_clear_place_is_refused(
    fields: dict[str, Any], process: bytes | None, code: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        submit_unsigned(Message(fields), process=process)
    assert caught.value.code == code


def test_an_unsigned_spawn_is_its_process_and_a_message_is_new_each_time() -> None:
    spawn = submit_unsigned(Message({"type": "Process", "variant": 7, "scheduler": "us"}))
    assert spawn.spawn == Spawn(None, "us")
    assert spawn.slot_key == spawn.message_id
    assert submit_unsigned(Message({"type": "Process"}), process=None).process != spawn.process
    named = submit_unsigned(Message({"type": "Process", "variant": "ao.N.1"}))
    assert named.spawn == Spawn(Variant.HYPERBEAM, "")
    plain = submit_unsigned(Message({"target": encode_id(PROCESS), "path": "/x"}), process=PROCESS)
    assert (plain.process, plain.path, plain.kind) == (PROCESS, "/x", Kind.UNSIGNED)
    assert not plain.slot_key


def test_a_path_is_bounded_exactly() -> None:
    longest = "p" * ASSIGNMENT_PATH_MAX_BYTES
    assert submit_item(item_of(("Path", longest), target=PROCESS)).path == longest
    with pytest.raises(LimitExceededError):
        submit_item(item_of(("Path", longest + "p"), target=PROCESS))
    with pytest.raises(LimitExceededError):
        submit_unsigned(Message({"path": longest + "p"}), process=PROCESS)


@pytest.mark.parametrize(
    "excludes",
    [
        ("x",) * EXCLUDES_MAX,
        ("",) * EXCLUDES_MAX,
        ("x" * (EXCLUDES_MAX_BYTES // EXCLUDES_MAX),) * EXCLUDES_MAX,
        ("x" * EXCLUDES_MAX_BYTES,),
    ],
    ids=lambda excludes: f"{len(excludes)} of {len(excludes[0])}",
)
@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_excludes_that_are_taken_fit_into_an_assignment(
    excludes: tuple[str, ...], variant: Variant
) -> None:
    submission = submit_reference(PROCESS, OTHER, excludes=excludes)
    draft = make_draft(submission, 2**62, variant, timestamp_ms=2**62)
    _, item = seal(draft, FIRST_LINK, known_wallet(NODE), anchor=bytes(32))
    assert item is not None
    item.verify()


@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
def test_the_longest_path_fits_into_an_assignment(variant: Variant) -> None:
    item = item_of(("Path", "p" * ASSIGNMENT_PATH_MAX_BYTES), target=PROCESS)
    draft = make_draft(submit_item(item), 2**62, variant, timestamp_ms=2**62)
    _, sealed = seal(draft, FIRST_LINK, known_wallet(NODE), anchor=bytes(32))
    assert sealed is not None


@pytest.mark.parametrize(
    "excludes", [("x",) * (EXCLUDES_MAX + 1), ("x" * (EXCLUDES_MAX_BYTES + 1),)]
)
def test_more_excludes_are_refused(excludes: tuple[str, ...]) -> None:
    with pytest.raises(LimitExceededError):
        submit_reference(PROCESS, OTHER, excludes=excludes)


def test_text_that_no_tag_can_carry_is_refused_before_it_gets_a_slot() -> None:
    """The writer must never meet it: it would fail everybody's batch."""
    with pytest.raises(FormatError):
        submit_reference(PROCESS, OTHER, excludes=("\ud800",))


@pytest.mark.parametrize(
    ("scheduler", "is_ours"),
    [("", True), ("us", True), ("them, us", True), ("them,us,", True), ("them", False)],
)
def test_a_spawn_names_its_schedulers(scheduler: str, is_ours: bool) -> None:
    if is_ours:
        Spawn(None, scheduler).check_scheduler("us")
        return
    with pytest.raises(ForeignSchedulerError) as caught:
        Spawn(None, scheduler).check_scheduler("us")
    assert (caught.value.given, caught.value.expected) == ("them", "us")


def test_a_signed_variant_needs_a_wallet() -> None:
    draft = make_draft(submit_item(spawn_item(None)), 0, Variant.HYPERBEAM)
    with pytest.raises(RefusedError) as caught:
        seal(draft, FIRST_LINK, None, anchor=b"")
    assert caught.value.code == "no_wallet"
    record, item = seal(draft._replace(variant=Variant.NATIVE), FIRST_LINK, None, anchor=b"")
    assert item is None
    assert record.assignment == b""


def test_messages_of_the_builders_are_genuine() -> None:
    message_item(PROCESS, "x").verify()
    spawn_item(None).verify()


def test_a_message_with_commitments_is_not_taken_for_an_unsigned_one() -> None:
    message = to_message(message_item(PROCESS, "signed"))
    with pytest.raises(MalformedError) as caught:
        submit_unsigned(message, process=PROCESS)
    assert caught.value.code == "bad_commitments"
