"""The style guide, run: the repository keeps the house rules, and each rule can fail."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
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

# Facts about others that our own bounds are compared with, in `formats/limits/` itself.
GIVEN_LIMITS: Final = frozenset({"ASSIGNMENT_OWN_TAGS_MAX_BYTES", "LMDB_KEY_MAX_BYTES"})

# How many defects of other nodes the design names; each has a test, or comes with what it is of.
KNOWN_DEFECTS: Final = 15
GUARANTEES: Final = 19

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
    limits = [source for source in product() if source.path.startswith("formats/limits/")]
    rest = (source.text for source in product() if source not in limits)
    used = {word for text in rest for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)}
    names = {
        node.target.id
        for source in limits
        for node in source.tree.body
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


def test_a_guarantee_names_the_command_that_runs_its_tests() -> None:
    guarantees = next(each for each in sources() if each.path == "docs/guarantees.md")
    _, _, shown = guarantees.text.partition("## How it was shown")
    rows = [line for line in shown.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= GUARANTEES
    assert [row for row in rows if not _TEST.search(row)] == []
    assert [row for row in rows if _misnamed_commands(row, _tests())] == []


@pytest.mark.parametrize(
    ("marks", "command", "is_right"),
    [
        ("", "`make check`", True),
        ("", "`make check`, `make fuzz`, `seriatim conform URL`", True),
        ("", "`make test`", False),
        ("@pytest.mark.slow\n", "`make test`", True),
        ("@pytest.mark.slow\n", "`make check`", False),
        ("@pytest.mark.slow\n", "`make check`, `make test`", False),
        ("@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.slow)])\n", "", False),
        ("pytestmark = [pytest.mark.crash, pytest.mark.slow]\n", "`make crash`", True),
        ("pytestmark = pytest.mark.interop\n", "`make test`", False),
    ],
)
def test_a_command_that_runs_no_test_of_a_row_is_found(
    marks: str, command: str, *, is_right: bool
) -> None:
    test = Source("tests/test_a.py", f"{marks}async def test_b() -> None: ...\n")
    row = f"| what | how | {command} | `tests/test_a.py::test_b` |"
    assert (_misnamed_commands(row, {test.path: test}) == set()) is is_right


def _misnamed_commands(row: str, tests: Mapping[str, Source]) -> set[str]:
    """Return the commands that *row* names and that run none of its tests, or the other way."""
    named = set(re.findall(r"`make (\w+)`", row)) - {"fuzz"}
    return named ^ {_command(tests[found["path"]], found["name"]) for found in _TEST.finditer(row)}


def _command(source: Source, name: str) -> str:
    """Return which target of make is the first that runs the test *name* of *source*."""
    marks: list[ast.expr] = []
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            marks += node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks += node.value.elts if isinstance(node.value, ast.List) else [node.value]
    names = {ast.unparse(mark).removeprefix("pytest.mark.") for mark in marks}
    targets = {"crash": "crash", "interop": "interop", "slow": "test"}
    return next((target for mark, target in targets.items() if mark in names), "check")


def _tests() -> dict[str, Source]:
    return {source.path: source for source in sources() if source.is_python}


def _missing_tests(document: Source) -> list[str]:
    """Return the tests that *document* names, ``path::name``, and that are not in the tree."""
    tests = _tests()
    return [
        f"{document.path}: {found[0]}"
        for found in _TEST.finditer(document.text)
        if found["path"] not in tests
        or not re.search(
            rf"^ *(async )?def {found['name']}\(|^{found['name']} = ",
            tests[found["path"]].text,
            re.MULTILINE,
        )
    ]


def _imports(readers: list[Source]) -> set[str]:
    """Return every module of ours that *readers* import, or name as text to load it later."""
    found: set[str] = set()
    for source in readers:
        for node in source.nodes(ast.ImportFrom):
            if node.module:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for each in source.nodes(ast.Import):
            found.update(alias.name for alias in each.names)
        found.update(_NAMED.findall(source.text))
    return found


def _module(path: str) -> str:
    return "seriatim." + path.removesuffix(".py").replace("/", ".")
