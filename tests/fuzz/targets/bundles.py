"""Bundles, and items whose data is one: every byte belongs to one item, at a bounded depth."""

from __future__ import annotations

from seriatim.formats.ans104.bundle import decode_bundle, encode_bundle, walk_bundle
from seriatim.formats.ans104.item import DataItem
from seriatim.formats.errors import SchedulerError
from seriatim.formats.limits import BUNDLE_DEPTH_MAX
from tests.fuzz import seeds as recorded


def seeds() -> list[bytes]:
    """Return recorded bundles, and recorded items that carry some."""
    return [
        *recorded.files("su-schedule/*-bundle.bin"),
        *recorded.files("items/*bundle*.bin"),
        encode_bundle(()),
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    try:
        items = decode_bundle(raw)
    except SchedulerError:
        pass
    else:
        assert encode_bundle(items) == raw
    try:
        outer = DataItem.decode(raw)
    except SchedulerError:
        return
    size = 0
    try:
        for depth, item in walk_bundle(outer):
            assert 1 <= depth <= BUNDLE_DEPTH_MAX
            size += len(item.raw)
    except SchedulerError:
        pass
    assert size <= len(raw) * BUNDLE_DEPTH_MAX
