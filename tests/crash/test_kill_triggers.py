"""Nodes with triggers that are killed again and again: each nominal time is decided once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from time import sleep
from typing import IO, Any

import orjson
import pytest

from seriatim.formats.ids import encode_id
from seriatim.formats.limits import PAGE_MAX
from seriatim.formats.triggers.definition import Definition
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.tree.lmdb_tree import LmdbTree
from seriatim.store.tree.tree import NodeKind, Tree, TreePath
from tests.crash.family import WAIT_S
from tests.crash.trigger_driver import EVERY_MS
from tests.support.trigger_replay import Said, TriggerReplay

KILLS = 25
SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))
LIFE_MAX_S = 0.6
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.crash, pytest.mark.slow]


class Driven:
    """A node in an OS process of its own, and what it says."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def hear(self, is_enough: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return what it says up to the first line that is enough; or all, if it ends."""
        heard = []
        for line in self._out:
            heard.append(orjson.loads(line))
            if is_enough(heard[-1]):
                break
        return heard

    def kill(self) -> list[dict[str, Any]]:
        """Kill it, and return what it has said that nobody has heard yet."""
        self._child.kill()
        left = self.hear(lambda said: False)
        self._child.wait(WAIT_S)
        return left

    @property
    def _out(self) -> IO[bytes]:
        assert self._child.stdout is not None
        return self._child.stdout


@contextmanager
def driven(folder: Path, life: int) -> Iterator[Driven]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.trigger_driver", str(folder), str(life)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as child:
        try:
            yield Driven(child)
        finally:
            child.kill()


def is_ready(said: dict[str, Any]) -> bool:
    return "ready" in said


def values(tree: Tree, path: TreePath) -> Iterator[tuple[TreePath, bytes]]:
    """Yield every value of *tree* below *path*."""
    node = tree.node(path)
    if node is None or node.kind is NodeKind.VALUE:
        yield from () if node is None else [(path, node.content)]
        return
    after: str | None = None
    while names := tree.names(path, after=after, limit=PAGE_MAX):
        for name in names:
            yield from values(tree, (*path, name))
        after = names[-1]


def read_folder(folder: Path) -> list[Said]:
    """Return what the logs say of triggers; the rows have to say what follows from it."""
    with closing(LmdbLog(Environment.open_reader(DataFolder(folder).log))) as log:
        replay = TriggerReplay(log)
        said = replay.go_on()
        tree = LmdbTree(log._environment)
        assert dict(values(tree, ("triggers",))) == replay.rows
    return said


def check_each_time_is_decided_once(said: list[Said]) -> int:
    """Check that the triggers have no gap and nothing twice; return how many times are decided."""
    begun: dict[str, list[Any]] = defaultdict(list)
    defined: dict[str, int] = {}
    decided: dict[str, list[int]] = defaultdict(list)
    every_ms = {encode_id(Definition(name=name).id): each for name, each in EVERY_MS.items()}
    for trigger, action, fields in said:
        if action == "define":
            assert trigger not in defined, "the same definition is the same trigger"
            defined[trigger] = fields["defined"]
        elif action in ("fire", "run"):
            decided[trigger].append(int(fields["nominal-time"]))
            begun[action].append((trigger, fields["nominal-time"]))
        elif action == "miss":
            step_ms = every_ms[trigger]
            decided[trigger] += range(fields["first"], fields["last"] + 1, step_ms)
        else:
            begun[action].append((trigger, fields["nominal-time"]))
    assert decided.keys() == every_ms.keys()
    for trigger, times in decided.items():
        step_ms = every_ms[trigger]
        first_ms = defined[trigger] + step_ms
        assert times == [*range(first_ms, first_ms + len(times) * step_ms, step_ms)]
    assert len(begun["end"]) == len(set(begun["end"])), "a run ends once"
    assert set(begun["end"]) <= set(begun["run"])
    assert len(set(begun["run"]) - set(begun["end"])) < len(begun["run"]) / 2
    return sum(map(len, decided.values()))


@pytest.mark.long
def test_each_nominal_time_is_decided_once_however_the_node_is_killed(tmp_path: Path) -> None:
    random, folder = Random(SEED), tmp_path / "data"
    acknowledged: set[str] = set()
    for life in range(KILLS):
        with driven(folder, life) as node:
            if life % 5 != 4:  # else, soon after it was started
                node.hear(is_ready)
            sleep(random.uniform(0, LIFE_MAX_S))
            acknowledged |= {line["defined"] for line in node.kill() if "defined" in line}
        if (folder / "log").exists() and life % 5 == 0:
            read_folder(folder)
    with driven(folder, KILLS) as node:
        node.hear(lambda said: said.get("defined") == encode_id(Definition(name="life 25").id))
        sleep(LIFE_MAX_S)
    said = read_folder(folder)
    defined = {each.trigger for each in said if each.action == "define"}
    assert acknowledged <= defined
    assert len(acknowledged) > KILLS // 2
    assert check_each_time_is_decided_once(said) > KILLS * 10


def test_of_two_nodes_on_one_folder_the_second_waits_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with driven(folder, 0) as first:
        first.hear(is_ready)
        with driven(folder, 1) as second:
            assert "refused" in second.hear(lambda said: True)[0]
            sleep(LIFE_MAX_S)
            first.kill()
            later = second.hear(is_ready)
            assert {"refused"} >= {key for said in later[:-1] for key in said}
            assert is_ready(later[-1])
            sleep(LIFE_MAX_S)
    assert check_each_time_is_decided_once(read_folder(folder)) > 20
