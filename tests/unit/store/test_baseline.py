"""The bare log does what it is a ceiling for: every entry is durable before it is released."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import lmdb

from seriatim.formats.limits import COMMIT_BATCH_MAX
from seriatim.store.baseline import BareLog, GroupCommit, RawReader
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.keys import place_key
from seriatim.store.lmdb_log import LmdbLog
from tests.support.records import make_appends, make_id

ONE, TWO = make_id("one"), make_id("two")


def read_all(path: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), readonly=True) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def test_a_put_and_a_batch_are_in_the_file(tmp_path: Path) -> None:
    bare = BareLog(tmp_path)
    bare.put(ONE, 0, b"first")
    bare.put_together([(ONE, 1, b"second"), (TWO, 0, b"other")])
    bare.close()
    assert read_all(tmp_path) == {
        place_key(ONE, 0): b"first",
        place_key(ONE, 1): b"second",
        place_key(TWO, 0): b"other",
    }


def test_group_commit_writes_and_releases_everything_that_waits(tmp_path: Path) -> None:
    count = COMMIT_BATCH_MAX + 10
    released: SimpleQueue[list[int]] = SimpleQueue()
    bare = BareLog(tmp_path)
    group: GroupCommit[int] = GroupCommit(bare, released.put)
    for number in range(count):
        group.put_nowait(number, ONE, number, b"record %d" % number)
    group.stop()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(group.run).result(timeout=30)
    bare.close()
    batches = [released.get_nowait() for _ in range(2)]
    assert [len(batch) for batch in batches] == [COMMIT_BATCH_MAX, 10]
    assert [*batches[0], *batches[1]] == list(range(count))
    assert len(read_all(tmp_path)) == count


def test_the_raw_reader_reads_what_the_log_wrote(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    log = LmdbLog(Environment.open_writer(folder.log))
    entries = make_appends(ONE, range(5))
    log.append(entries)
    log.close()
    reader = RawReader(tmp_path)
    joined = reader.read(b"log", ONE, 1, 3)
    reader.close()
    assert joined == b"".join(each.record for each in entries[1:4])
