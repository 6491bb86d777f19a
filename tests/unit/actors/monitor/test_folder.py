"""A folder that is opened to look at: nothing that a monitor holds can write."""

from __future__ import annotations

import ast
from pathlib import Path

import lmdb
import pytest

from seriatim.actors import monitor
from seriatim.actors.monitor.folder import open_to_look
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.errors import StoreError
from seriatim.formats.monitor.flags import FLAGS_PATH, Flags, encode_flags
from seriatim.store.beats import BeatStore
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree

ROOM = Path(monitor.__file__).parent
COMMANDS = (ROOM.parents[1] / "gateway/cli/monitor.py", ROOM.parents[1] / "gateway/cli/top.py")
WRITING = {"open_writer", "writing", "put", "change", "place", "remove", "put_content", "link"}


def names_in(text: str) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(
    "path", [*sorted(ROOM.glob("*.py")), *COMMANDS], ids=lambda each: each.name
)
def test_no_module_of_the_monitor_names_anything_that_writes(path: Path) -> None:
    assert names_in(path.read_text("utf-8")) & WRITING == set()


def test_a_planted_write_is_found() -> None:
    assert names_in("tree.put(path, b'')") & WRITING == {"put"}


def make(path: Path) -> DataFolder:
    folder = DataFolder(path)
    environment = Environment.open_writer(folder.log)
    LmdbTree(environment).put(FLAGS_PATH, encode_flags(Flags(stop=True)))
    environment.close()
    BeatStore.open_writer(folder.beats, boot="b").close()
    return folder


def test_both_environments_are_opened_to_read_and_a_real_attempt_to_write_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    opened: list[lmdb.Environment] = []
    real = lmdb.open

    def spying(*args: object, **named: object) -> lmdb.Environment:
        opened.append(real(*args, **named))  # type: ignore[arg-type]  # handed on as it came
        return opened[-1]

    monkeypatch.setattr(lmdb, "open", spying)
    with open_to_look(tmp_path, ManualClock(now_ms=5)) as look:
        assert look().flags == Flags(stop=True)
        assert len(opened) == 2
        for handle in opened:
            assert handle.flags()["readonly"] is True
            with pytest.raises(lmdb.ReadonlyError):
                handle.begin(write=True)
        assert look().at_ms == 5
    with pytest.raises(StoreError, match="is closed"):
        look()


def test_without_a_store_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(StoreError), open_to_look(tmp_path, ManualClock()):
        pass
