"""The kinds of watches that a node knows, and those that other packages add."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.watches.registry import WATCHES, WatchRegistry, load_watch_kinds
from seriatim.actors.watches.slots_watch import SlotsKind
from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    RefusedError,
    SchedulerError,
    UnsupportedError,
)
from seriatim.formats.limits import EVENT_KEY_MAX_CHARS, WATCH_MARK_MAX_BYTES
from seriatim.formats.watches.event import Event, check_event
from tests.support import packages
from tests.support.watching import quiet_world, watching

CODE = """
from seriatim.formats.watches.event import Event

class Moon:
    name = "moon"

    def check(self, spec):
        pass

    def open(self, spec, world):
        return self

    async def first_mark(self):
        return b"new"

    async def events(self, mark):
        yield Event("1", {"was": mark, "is": "full"}, b"full")

class Slots(Moon):
    name = "slots"

class Sun:
    name = "sun"
"""


def test_a_node_has_its_own_without_any() -> None:
    kinds = load_watch_kinds()
    for name in ("file", "threshold", "slots"):
        assert kinds.get(name).name == name


def test_an_unknown_kind_is_named_beside_those_that_are_known() -> None:
    with pytest.raises(UnsupportedError, match="no 'tide'; it knows file, slots, threshold"):
        load_watch_kinds().get("tide")


def test_a_kind_of_another_package_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"[{WATCHES}]\nmine = sky:Moon\n"
    packages.install(tmp_path, monkeypatch, name="sky", code=CODE, entry_points=text)

    async def main() -> None:
        clock = ManualClock()
        watch = load_watch_kinds().get("moon").open({}, quiet_world(clock))
        async with watching(watch, await watch.first_mark(), clock) as events:
            event = check_event(await events.next())
        assert event.fields == {"was": b"new", "is": "full"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        ("sky:Slots", RefusedError, "there is a kind of watches 'slots' already"),
        ("sky:Sun", UnsupportedError, "it is no WatchKind"),
    ],
)
def test_a_kind_that_cannot_be_added_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    kind: type[SchedulerError],
    sentence: str,
) -> None:
    text = f"[{WATCHES}]\nmine = {value}\n"
    packages.install(tmp_path, monkeypatch, name="sky", code=CODE, entry_points=text)
    with pytest.raises(kind, match=sentence):
        load_watch_kinds()


def test_each_kind_has_its_own_name() -> None:
    with pytest.raises(RefusedError) as caught:
        WatchRegistry([SlotsKind(), SlotsKind()])
    assert caught.value.code == "watch_kind_taken"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event("", {}, b"m"), MalformedError),
        (Event("k" * (EVENT_KEY_MAX_CHARS + 1), {}, b"m"), LimitExceededError),
        (Event("k", {}, bytes(WATCH_MARK_MAX_BYTES + 1)), LimitExceededError),
        (Event("k", {"commitment": object()}, b"m"), MalformedError),  # type: ignore[dict-item]  # a fault
        (Event("k", {"n": 2**63}, b"m"), LimitExceededError),
    ],
)
def test_an_event_that_no_trigger_can_keep_is_refused(
    event: Event, kind: type[SchedulerError]
) -> None:
    with pytest.raises(kind):
        check_event(event)


def test_an_event_at_its_bounds_can_be_kept() -> None:
    event = Event("k" * EVENT_KEY_MAX_CHARS, {"n": 2**63 - 1}, bytes(WATCH_MARK_MAX_BYTES))
    assert check_event(event) is event
