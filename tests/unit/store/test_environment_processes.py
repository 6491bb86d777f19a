"""One environment in two OS processes, and what is left when one of them dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from tests.support.records import make_appends, make_id, make_record

P = make_id("process p")
ROOT = Path(__file__).parents[3]

_PRELUDE = """
import os, resource, sys
from pathlib import Path
from seriatim.formats.errors import StoreError
from seriatim.store.environment import Environment
from seriatim.store.lmdb_log import LmdbLog
from tests.support.records import make_append, make_appends, make_id, make_record
P, Q = make_id("process p"), make_id("process q")
FOLDER = Path(sys.argv[1])
def say(text):
    print(text, flush=True)
"""


class Child:
    """Another OS process that runs *script*, spoken to line by line."""

    def __init__(self, script: str, folder: Path) -> None:
        self._process = subprocess.Popen(  # our own interpreter and script
            [sys.executable, "-c", _PRELUDE + script, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()

    def hear(self) -> str:
        """Return the next line that it says; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the environment is to be."""
    return tmp_path / "log"


def test_a_reader_process_sees_what_the_writer_committed(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder))
    script = """
log = LmdbLog(Environment.open_reader(FOLDER))
for line in sys.stdin:
    slot = int(line)
    say(log.head(P).slot if log.head(P) else None)
    assert log.read(P, slot) == make_record(P, slot), "not what was written"
"""
    with Child(script, folder) as reader:
        for slot in range(5):
            log.append(make_appends(P, [slot]))
            reader.tell(str(slot))
            assert reader.hear() == str(slot)
    log.close()


def test_the_node_reads_while_its_child_writes(folder: Path) -> None:
    Environment.open_writer(folder).close()
    log = LmdbLog(Environment.open_reader(folder))
    script = """
log = LmdbLog(Environment.open_writer(FOLDER))
for line in sys.stdin:
    say(log.append(make_appends(P, [int(line)])))
"""
    with Child(script, folder) as writer:
        for slot in range(5):
            writer.tell(str(slot))
            assert writer.hear() == str(slot)
            head = log.head(P)
            assert head is not None
            assert head.slot == slot
    assert [slot for slot, _ in log.read_range(P, 0, 9)] == list(range(5))
    log.close()


def test_a_writer_that_dies_in_a_transaction_leaves_nothing_of_it(folder: Path) -> None:
    script = """
environment = Environment.open_writer(FOLDER)
log = LmdbLog(environment)
log.append(make_appends(P, range(2)))
with environment.writing() as transaction:
    for name in (b"log", b"ids", b"views", b"processes", b"commits"):
        transaction.put(b"a key of 8", b"half a batch", db=environment.database(name))
    say("in the transaction")
    os._exit(9)
"""
    with Child(script, folder) as writer:
        assert writer.hear() == "in the transaction"
        assert writer.wait() == 9
    log = LmdbLog(Environment.open_writer(folder))
    assert [record for _, record in log.read_range(P, 0, 9)] == [
        make_record(P, 0),
        make_record(P, 1),
    ]
    assert log.processes(limit=9) == [P]
    assert log.append(make_appends(P, [2])) == 2
    log.close()


def test_a_writer_goes_on_when_another_died_holding_the_transaction(folder: Path) -> None:
    log = LmdbLog(Environment.open_writer(folder))
    script = """
environment = Environment.open_writer(FOLDER)
with environment.writing() as transaction:
    transaction.put(b"key", b"value", db=environment.database(b"meta"))
    say("in the transaction")
    sys.stdin.readline()
"""
    with Child(script, folder) as writer:
        assert writer.hear() == "in the transaction"
        writer.kill()
    assert log.append(make_appends(P, range(2))) == 0
    log.close()


_READ = """
environment = Environment.open_reader(FOLDER)
with environment.reading():
    say("in the transaction")
    sys.stdin.readline()
"""


def test_the_reader_slot_of_a_dead_process_is_freed(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    with Child(_READ, folder) as reader:
        assert reader.hear() == "in the transaction"
        assert environment.reader_check() == 0
        reader.kill()
    assert environment.reader_check() == 1
    environment.close()


def test_opening_frees_the_reader_slots_of_dead_processes(folder: Path) -> None:
    environment = Environment.open_writer(folder)
    # While any process has the environment open, LMDB keeps the table of readers as it is.
    with Child(_READ, folder) as witness, Child(_READ, folder) as reader:
        assert witness.hear() == reader.hear() == "in the transaction"
        environment.close()
        reader.kill()
        environment = Environment.open_writer(folder)
        assert environment.reader_check() == 0, "nothing is left to free"
        witness.kill()
        assert environment.reader_check() == 1
    environment.close()


def test_what_a_killed_reader_has_pinned_is_used_again_while_the_writer_goes_on(
    folder: Path,
) -> None:
    """Else a backup that was killed would have the file grow until the node is started anew."""
    environment = Environment.open_writer(folder, is_synced=False)
    meta = environment.database(b"meta")
    with Child(_READ, folder) as reader:
        assert reader.hear() == "in the transaction"
        reader.kill()
    sizes = []
    for _ in range(2):
        for number in range(1_000):
            with environment.writing() as transaction:
                transaction.put(b"number", b"%d" % number, db=meta)
        sizes.append((folder / "data.mdb").stat().st_size)
    assert environment.reader_check() == 0, "nothing is left to free"
    assert sizes[0] > 1_000 * 4_096, "it was pinned"
    assert sizes[1] < sizes[0] * 1.01
    environment.close()


def test_a_full_disk_writes_nothing_and_reads_go_on(folder: Path) -> None:
    """The file may not grow: the kernel refuses the write as it does on a full disk."""
    script = """
log = LmdbLog(Environment.open_writer(FOLDER))
log.append(make_appends(P, range(3)))
size = (FOLDER / "data.mdb").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 64 * 1024, resource.RLIM_INFINITY))
too_much = [make_append(Q, slot, message=bytes(64 * 1024)) for slot in range(8)]
try:
    log.append(too_much)
except StoreError:
    say("refused")
assert log.head(Q) is None and log.find(too_much[0].ids[0]) == []
assert [record for _, record in log.read_range(P, 0, 9)] == [make_record(P, s) for s in range(3)]
assert log.commits(0, 99) == [(P, 0), (P, 1), (P, 2)]
say("read")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
say(log.append(too_much))
"""
    with Child(script, folder) as writer:
        assert [writer.hear() for _ in range(3)] == ["refused", "read", "3"]
        assert writer.wait() == 0
