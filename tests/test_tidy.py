"""The style guide, run: the repository keeps the house rules, and each rule can fail."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from seriatim.formats import errors
from seriatim.formats.errors import SchedulerError
from seriatim.gateway.problems import status_of
from tests.support import tidy
from tests.support.tidy import RULES, Fault, Rule, Source

ROOT: Final = Path(__file__).parents[1]
VECTORS: Final = ("tests/conformance/vectors/", "tests/fuzz/corpus/")

# Modules that nothing imports because something else starts them.
STARTED: Final = frozenset(
    {
        "seriatim.actors.executor.child",
        "seriatim.actors.executor.keeper",
        "seriatim.actors.runtime.child",
        "seriatim.__main__",
    }
)

# What the node itself does not use: for programs and tests that compose their own parts. Each is
# imported by a test; one that the node comes to use leaves this list.
OFFERED: Final = frozenset(
    {
        "seriatim.actors.monitor.policies",
        "seriatim.store.memory_log",
        "seriatim.store.tree.memory_tree",
        "seriatim.store.tree.mounted_tree",
    }
)

# Facts about others that our own bounds are compared with, in `formats/limits.py` itself.
GIVEN_LIMITS: Final = frozenset({"ASSIGNMENT_OWN_TAGS_MAX_BYTES", "LMDB_KEY_MAX_BYTES"})

# How many defects of other nodes the design names; each has a test, or comes with what it is of.
KNOWN_DEFECTS: Final = 15

_NAMED: Final = re.compile(r'"(seriatim(?:\.\w+)+)[:"]')
_TEST: Final = re.compile(r"(?P<path>tests/[\w/]+\.py)::(?P<name>\w+)")
_LINK: Final = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)(?P<path>[^)#\s]+)")


@cache
def sources() -> tuple[Source, ...]:
    """Return every text file that is tracked, or would be by ``git add``, vectors apart."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = []
    for path in sorted(set(listed.split("\0")) - {""}):
        file = ROOT / path
        if path.startswith(VECTORS) or file.is_symlink() or not file.is_file():
            continue
        raw = file.read_bytes()
        if b"\0" not in raw:
            found.append(Source(path, raw.decode()))
    return tuple(found)


def product() -> list[Source]:
    return [source for source in sources() if source.is_product]


def test_the_repository_keeps_the_rules() -> None:
    faults = [str(fault) for source in sources() for rule in RULES for fault in rule(source)]
    assert not faults, "\n" + "\n".join(faults)


LONG_FUNCTION: Final = "def long() -> None:\n" + "    pass\n" * 70
PLANTED: Final[list[tuple[Rule, str, str]]] = [
    (tidy.file_is_short, "store/long.py", "\n" * 501),
    (tidy.function_is_short, "store/long.py", LONG_FUNCTION),
    (tidy.world_is_handed_in, "store/a.py", "import time\nNOW = time.time()\n"),
    (tidy.world_is_handed_in, "store/a.py", "from time import time as now\nread = now\n"),
    (tidy.world_is_handed_in, "actors/a.py", "from random import choice\nchoice([1])\n"),
    (tidy.world_is_handed_in, "actors/a.py", "import datetime as d\nd.datetime.now(d.UTC)\n"),
    (tidy.world_is_handed_in, "actors/a.py", "import threading\nthreading.Thread()\n"),
    (tidy.world_is_handed_in, "formats/a.py", "import pickle\npickle.loads(b'')\n"),
    (tidy.world_is_handed_in, "gateway/a.py", "eval('1')\n"),
    (tidy.world_is_handed_in, "tests/unit/test_a.py", "import time\ntime.sleep(1)\n"),
    (tidy.a_wait_is_for_somebody, "tests/a.py", "import threading\nthreading.Event().wait(1.2)\n"),
    (
        tidy.a_wait_is_for_somebody,
        "a.py",
        "from threading import Event\nEvent().wait(timeout=9)\n",
    ),
    (tidy.import_names_the_package, "store/a.py", "from formats.ids import decode_id\n"),
    (tidy.import_names_the_package, "tests/test_a.py", "import store.log\n"),
    (tidy.import_names_the_package, "store/a.py", "from . import log\n"),
    (tidy.no_test_is_imported, "tests/test_a.py", "from tests.unit.test_b import until\n"),
    (tidy.no_test_is_imported, "tests/test_a.py", "from tests.unit import test_b\n"),
    (tidy.no_test_is_imported, "tests/support/a.py", "import tests.unit.test_b as b\n"),
    (tidy.suppression_gives_its_reason, "store/a.py", "x = 1  # " + "noqa\n"),
    (tidy.suppression_gives_its_reason, "store/a.py", "x = 1  # " + "noqa: S101\n"),
    (tidy.suppression_gives_its_reason, "store/a.py", "x = 1  # " + "type: ignore[misc]\n"),
    (tidy.words_are_ours, "store/utils.py", ""),
    (tidy.words_are_ours, "store/a.py", "def serialize() -> None: ...\n"),
    (tidy.words_are_ours, "store/a.py", "class LogManager: ...\n"),
    (tidy.text_names_no_workplace, "README.md", "see /" + "home/me/notes\n"),
    (tidy.text_names_no_workplace, "a.txt", "https://files.python" + "hosted.org/x\n"),
    (tidy.text_names_no_workplace, "package-lock.json", '"resol' + 'ved": "x"\n'),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_each_rule_catches_a_planted_fault(rule: Rule, path: str, text: str) -> None:
    assert [fault.path for fault in rule(Source(path, text))] == [path]


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


GOOD: Final[list[tuple[Rule, str, str]]] = [
    (tidy.function_is_short, "store/a.py", 'def f() -> None:\n    """' + "\n" * 70 + '"""\n'),
    (tidy.world_is_handed_in, "actors/runtime/clock.py", "import time\ntime.time_ns()\n"),
    (tidy.world_is_handed_in, "actors/a.py", "import random\nrandom.Random(7)\n"),
    (tidy.world_is_handed_in, "actors/a.py", "import threading\nthreading.Lock()\n"),
    (tidy.a_wait_is_for_somebody, "tests/a.py", "import asyncio\nasyncio.Event().wait()\n"),
    (tidy.a_wait_is_for_somebody, "tests/a.py", "import threading\nthreading.Event().wait()\n"),
    (tidy.no_test_is_imported, "tests/test_a.py", "from tests.support.waiting import until\n"),
    (tidy.suppression_gives_its_reason, "a.py", "x = 1  # " + "noqa: S101, S102  # why\n"),
    (tidy.suppression_gives_its_reason, "a.py", "x = 1  # " + "type: ignore[misc]  # why\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_rule_lets_good_code_pass(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_every_module_is_used() -> None:
    modules = {_module(source.path) for source in product() if "__init__" not in source.path}
    package = [source for source in sources() if source.path.startswith("src/seriatim/")]
    used = STARTED | _imports([*product(), *(each for each in package if each.is_python)])
    assert modules - used == OFFERED
    tests = [each for each in sources() if each.path.startswith("tests/") and each.is_python]
    assert _imports(tests) >= OFFERED


def test_every_limit_is_used() -> None:
    limits = next(source for source in product() if source.path == "formats/limits.py")
    rest = (source.text for source in product() if source is not limits)
    used = {word for text in rest for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)}
    names = {
        node.target.id
        for node in limits.tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert names - used == GIVEN_LIMITS


def test_every_error_has_a_status_of_its_own_choice() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SchedulerError) and kind != SchedulerError
    ]
    assert kinds
    assert [kind.__name__ for kind in kinds if status_of(kind) == status_of(SchedulerError)] == []


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        str(Fault(source.path, source.text.count("\n", 0, link.start()) + 1, link["path"]))
        for source in sources()
        if source.path.endswith(".md")
        for link in _LINK.finditer(source.text)
        if not (ROOT / source.path).parent.joinpath(link["path"]).exists()
    ]
    assert not dead, "\n" + "\n".join(dead)


def test_a_word_has_one_meaning() -> None:
    glossary = next(each for each in sources() if each.path == "docs/glossary.md")
    rows = [line for line in glossary.text.splitlines() if line.startswith("| **")]
    words = Counter(word for row in rows for word in re.findall(r"\*\*(.+?)\*\*", row))
    assert words
    assert [word for word, times in words.items() if times > 1] == []


def test_tests_that_documents_name_are_there() -> None:
    documents = [source for source in sources() if source.path.endswith(".md")]
    assert [fault for source in documents for fault in _missing_tests(source)] == []
    architecture = next(each for each in documents if each.path == "docs/ARCHITECTURE.md")
    _, _, defects = architecture.text.partition("## Known defects")
    rows = [line for line in defects.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= KNOWN_DEFECTS
    assert [row for row in rows if not _TEST.search(row)] == []


@pytest.mark.parametrize("name", ["tests/test_tidy.py::test_no_such", "tests/no/such.py::test_a"])
def test_a_test_that_is_not_there_is_found(name: str) -> None:
    assert _missing_tests(Source("a.md", f"| x | `{name}` |")) == [f"a.md: {name}"]


def _missing_tests(document: Source) -> list[str]:
    """Return the tests that *document* names, ``path::name``, and that are not in the tree."""
    tests = {source.path: source.text for source in sources() if source.is_python}
    return [
        f"{document.path}: {found[0]}"
        for found in _TEST.finditer(document.text)
        if not re.search(rf"\bdef {found['name']}\(", tests.get(found["path"], ""))
    ]


def _imports(readers: list[Source]) -> set[str]:
    """Return every module of ours that *readers* import, or name as text to load it later."""
    found: set[str] = set()
    for source in readers:
        for node in source.nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
        found.update(_NAMED.findall(source.text))
    return found


def _module(path: str) -> str:
    return "seriatim." + path.removesuffix(".py").replace("/", ".")
