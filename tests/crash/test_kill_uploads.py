"""A node that uploads, killed with SIGKILL while it does: all of it arrives, and nothing again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from seriatim.actors.offline import open_offline
from seriatim.formats.schedule.upload import Part
from seriatim.formats.schedule.variant import Variant
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from tests.crash.family import children_of, kill
from tests.support.builders import messages, spawn
from tests.support.live_node import LiveNode, live_node
from tests.support.stub_bundler import StubBundler, stub_bundler

SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))
LIVES = 5
MESSAGES = 150
ON_THE_WAY_MAX = 8

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@contextmanager
def killed(data: Path, bundler_url: str) -> Iterator[LiveNode]:
    """Serve *data*; at the end of the block, kill the node and its children."""
    with live_node(data, "--bundler", bundler_url, ends_with=-9) as node:
        yield node
        kill(node.pid, [node.pid, *children_of(node.pid)])


class Known(NamedTuple):
    """What a folder knows of its uploads.

    Attributes:
        taken_off: items that have been acknowledged.
        waiting: how many have not.
    """

    taken_off: set[bytes]
    waiting: int


def look_into(data: Path, process: bytes) -> Known:
    """Return what the folder *data*, whose node is dead, knows of *process*."""
    log = LmdbLog(Environment.open_reader(DataFolder(data).log))
    try:
        head = log.head(process)
        taken_off: set[bytes] = set()
        waiting = 0
        for slot, record in log.read_range(process, 0, head.slot if head else -1):
            left = log.upload_left(process, slot)
            assert left is not None, "it is in the outbox from its own transaction on"
            for part, raw in ((Part.MESSAGE, record.message), (Part.ASSIGNMENT, record.assignment)):
                if left & part:
                    waiting += 1
                else:
                    taken_off.add(raw)
        return Known(taken_off, waiting)
    finally:
        log.close()


def post(node: LiveNode, raw: bytes) -> int:
    """Return the status of the answer, or 0 where the node is gone."""
    try:
        return node.post("/~scheduler@1.0/schedule", raw).status
    except OSError:
        return 0


def test_everything_arrives_and_nothing_again_that_was_taken_off(tmp_path: Path) -> None:
    random = Random(SEED)
    data = tmp_path / "data"
    first = spawn(Variant.HYPERBEAM, "uploaded")
    known: set[bytes] = set()
    again: list[bytes] = []
    waiting = 0
    with stub_bundler() as bundler, ThreadPoolExecutor(4) as clients:

        def answer(_path: str, body: bytes) -> int:
            if body in known:
                again.append(body)
            return 200

        bundler.answer = answer
        for life in range(LIVES):
            batch = messages(first.process, MESSAGES, f"{life}/")
            enough = len(bundler.uploads) + random.randrange(20, MESSAGES)
            with killed(data, bundler.url) as node:
                assert post(node, first.message) == 200
                posting = clients.map(partial(post, node), [each.message for each in batch])
                assert bundler.wait_until(partial(_has_come, bundler, enough))
            assert set(posting) <= {0, 200}
            seen = look_into(data, first.process)
            known |= seen.taken_off
            waiting += seen.waiting
        with live_node(data, "--bundler", bundler.url):
            with open_offline(data) as folder:
                last = folder.head(first.process).slot
                records = [record for _, record in folder.records(first.process, 0, last)]
            wanted = {raw for record in records for raw in (record.message, record.assignment)}
            assert bundler.wait_until(lambda: set(bundler.acknowledged) >= wanted)
    counted = Counter(bundler.acknowledged)
    assert set(counted) == wanted
    assert again == [], "what was known to be acknowledged was sent again"
    assert waiting, "no kill came while something waited"
    assert sum(counted.values()) - len(counted) <= LIVES * ON_THE_WAY_MAX


def _has_come(bundler: StubBundler, count: int) -> bool:
    return len(bundler.uploads) >= count
