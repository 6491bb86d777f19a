"""A follower and its source, killed in the middle: the copy is the source, and resumes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import orjson
import pytest

from seriatim.actors.offline import open_offline
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.audit import Audit
from seriatim.formats.schedule.record import Record
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from tests.crash.family import kill
from tests.support.builders import NODE, messages, spawn
from tests.support.live_node import COMMAND, LiveNode
from tests.support.strategies import known_wallet

SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))
LIVES = 6
SLOTS = 4_000

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@contextmanager
def serving(data: Path, wallet: Path, port: int) -> Iterator[LiveNode]:
    """Serve *data* on *port*; whoever is inside may kill it."""
    flags = ["--data", str(data), "--port", str(port), "--json", "--wallet", str(wallet)]
    with subprocess.Popen(
        [*COMMAND, "serve", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        try:
            ready = orjson.loads(child.stdout.readline())
            yield LiveNode(ready["url"], ready["address"], ready["pid"], data, child)
        finally:
            child.kill()


def start_follower(url: str, process: str, copy: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "follow", url, process, "--data", str(copy), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def read_until(child: subprocess.Popen[bytes], what: str, slots: int = 0) -> None:
    """Read what *child* says until it says *what* of *slots* slots at least."""
    assert child.stdout is not None
    for line in child.stdout:
        said = orjson.loads(line)
        assert "error" not in said, said
        if said["what"] == what and said["slots"] >= slots:
            return
    raise AssertionError(f"it ended with {child.wait()} and did not say {what}")


def until_it_waits(node: LiveNode) -> None:
    """Return when a reader waits for a slot of *node*."""
    while b"seriatim_readers_waiting 1.0" not in node.get("/metrics").body:
        pass


def stored(data: Path, process: bytes) -> list[Record]:
    with open_offline(data) as folder:
        head = folder.head(process)
        return [record for _, record in folder.records(process, 0, head.slot)]


def post_all(node: LiveNode, submissions: Sequence[Submission]) -> None:
    for each in submissions:
        assert node.post("/~scheduler@1.0/schedule", each.message).status == 200


def wallet_in(folder: Path) -> Path:
    path = folder / "wallet.json"
    path.touch(0o600)
    path.write_bytes(known_wallet(NODE).to_json())
    return path


@pytest.mark.parametrize("variant", [Variant.LEGACY, Variant.HYPERBEAM])
@pytest.mark.long
def test_a_copy_is_the_source_whoever_was_killed(variant: Variant, tmp_path: Path) -> None:
    random = Random(SEED)
    wallet, data, copy = wallet_in(tmp_path), tmp_path / "data", tmp_path / "copy"
    first = spawn(variant, "followed")
    process = encode_id(first.process)
    rest = messages(first.process, 300)
    with serving(data, wallet, 0) as node:
        url, port = node.url, int(node.url.rpartition(":")[2])
        post_all(node, [first, *rest[:50]])
        for life in range(LIVES):
            follower = start_follower(url, process, copy)
            with follower:
                read_until(follower, "head")
                post_all(node, rest[50 + 10 * life : 60 + 10 * life])
                if random.random() < 0.5:
                    read_until(follower, "head", 52 + 10 * life)
                os.kill(follower.pid, signal.SIGKILL)
            kept = stored(copy, first.process)
            assert kept == stored(data, first.process)[: len(kept)]
        follower = start_follower(url, process, copy)
        with follower:
            read_until(follower, "head", 51 + 10 * LIVES)
            until_it_waits(node)
            kill(node.pid, [node.pid])
            read_until(follower, "away")
            with serving(data, wallet, port) as again:
                post_all(again, rest)
                read_until(follower, "head", 301)
                os.kill(follower.pid, signal.SIGTERM)
                assert follower.wait(30) == 0
    copied = stored(copy, first.process)
    assert copied == stored(data, first.process)
    assert len(copied) == 301
    audit = Audit(first.process)
    for slot, record in enumerate(copied):
        audit.add(slot, record)


@pytest.mark.long
def test_a_follower_that_is_killed_while_it_catches_up_has_whole_pages(tmp_path: Path) -> None:
    wallet, data, copy = wallet_in(tmp_path), tmp_path / "data", tmp_path / "copy"
    first = spawn(Variant.HYPERBEAM, "long")
    process = encode_id(first.process)
    with serving(data, wallet, 0) as node:
        post_all(node, [first, *messages(first.process, SLOTS - 1)])
        counts: list[int] = []
        for _ in range(20):
            with start_follower(node.url, process, copy) as follower:
                while follower.poll() is None:
                    count = _count(copy, first.process)
                    if count and (not counts or count > counts[-1]):
                        os.kill(follower.pid, signal.SIGKILL)
                        break
            counts.append(_count(copy, first.process))
            if counts[-1] == SLOTS:
                break
        assert counts == sorted(counts)
        assert counts[0] < SLOTS, "it was killed on its way"
        assert counts[-1] == SLOTS
    assert stored(copy, first.process) == stored(data, first.process)


def _count(copy: Path, process: bytes) -> int:
    if not (copy / "log" / "data.mdb").exists():
        return 0
    try:
        return len(stored(copy, process))
    except Exception:  # noqa: BLE001  # the store is being made at this moment
        return 0
