"""The house rules that a program can check, as functions from a source file to its faults.

`tests/test_tidy.py` runs them over the repository, and shows on planted faults that each one can
fail. What ruff, mypy and import-linter check already is not checked again here.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import PurePosixPath
from typing import Final, TypeVar, cast

FILE_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 70

PRODUCT_FOLDERS: Final = ("formats", "store", "actors", "gateway")

# A person's tools: each is its own composition of parts, and the outermost one.
_TOOLS: Final = ("gateway/cli/", "gateway/bench/", "gateway/demo/", "store/baseline.py")

# What reads the world, and the rooms that may: everybody else is handed it. A room is a file, or
# a folder with a slash at its end. A trailing dot in a name stands for all that is below it.
WORLD: Final[Mapping[str, tuple[str, ...]]] = {
    "time.time": ("actors/runtime/clock.py", *_TOOLS),
    "time.time_ns": ("actors/runtime/clock.py", *_TOOLS),
    "time.monotonic": ("actors/runtime/clock.py", *_TOOLS),
    "time.monotonic_ns": ("actors/runtime/clock.py", *_TOOLS),
    "time.perf_counter": ("gateway/http/dispatch.py", *_TOOLS),
    "time.perf_counter_ns": _TOOLS,
    "time.sleep": _TOOLS,
    "datetime.datetime.now": _TOOLS,
    "datetime.datetime.utcnow": (),
    "datetime.datetime.today": (),
    "datetime.date.today": (),
    "random.": (),
    "secrets.": (
        "actors/launch.py",
        "gateway/remote_jobs.py",
        "gateway/working.py",
        *_TOOLS,
    ),
    "uuid.": (),
    "os.urandom": ("actors/scheduler/handlers.py", *_TOOLS),
    # One thread, nothing open, and a program next: see there.
    "os.fork": ("actors/executor/keeper.py",),
    "threading.Thread": (
        "actors/runtime/offload.py",
        "actors/embedding/loop_thread.py",
        "actors/worker/threads.py",
        "store/baseline.py",
    ),
    "multiprocessing.": (),
    "subprocess.": ("actors/runtime/child_offload.py", "actors/executor/kept.py", *_TOOLS),
    "pickle.": (),
    "marshal.": (),
    "shelve.": (),
    "yaml.load": (),
    "eval": (),
    "exec": (),
}
# A seeded generator that is handed in is what the rule asks for, and a type draws nothing.
WORLD_EXCEPT: Final = frozenset({"random.Random", "uuid.UUID"})

# Tests run at once and never wait for a clock; `child_targets.py` is a child that never answers.
TEST_WORLD: Final[Mapping[str, tuple[str, ...]]] = {
    "time.sleep": (
        "tests/unit/actors/runtime/child_targets.py",
        "tests/property/test_runtime_threads.py",
        "tests/support/holding.py",
        "tests/crash/",
    ),
}

FILE_NAMES_BANNED: Final = frozenset({"common", "helper", "helpers", "manager", "misc", "utils"})
WORDS_BANNED: Final = re.compile(r"serialis|serializ|marshal|manager|helper", re.IGNORECASE)

_SUPPRESSION: Final = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)")
_REASONED: Final = re.compile(r"(:\s*[A-Z]+\d+[A-Z0-9, ]*|\[[a-z, -]+\])\s+#\s*\S")
N = TypeVar("N", bound=ast.AST)
_WORKPLACE: Final = re.compile(r"(?<![\w.])/(work|home|Users|root|tmp/brief)/\w|[A-Z]:\\Users\\")
_REGISTRY: Final = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|yarnpkg\.com|deb\.debian\.org"
    r"|https?://\S+\.(whl|tgz|tar\.gz)|--(extra-)?index-url|\"resolved\""
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule: where, and what to do about it."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Source:
    """A tracked text file; *path* is relative to the repository, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; only for Python."""
        return ast.parse(self.text, self.path)

    @cached_property
    def _nodes(self) -> Mapping[type[ast.AST], Sequence[ast.AST]]:
        nodes: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree) if self.is_python else ():
            nodes.setdefault(type(node), []).append(node)
        return nodes

    def nodes(self, kind: type[N]) -> Sequence[N]:
        """Return all nodes of the tree that are of *kind*; of what is not Python, none."""
        return cast("Sequence[N]", self._nodes.get(kind, ()))

    @property
    def functions(self) -> Sequence[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function of the file, whatever it is within."""
        return [*self.nodes(ast.FunctionDef), *self.nodes(ast.AsyncFunctionDef)]

    @cached_property
    def is_python(self) -> bool:
        """Whether the rules for Python are for this file."""
        return self.path.endswith(".py")

    @cached_property
    def is_product(self) -> bool:
        """Whether the file is part of what is installed."""
        return self.is_python and self.path.startswith(tuple(f"{f}/" for f in PRODUCT_FOLDERS))

    def fault(self, line: int, what: str) -> Fault:
        """Return a fault of this file."""
        return Fault(self.path, line, what)


Rule = Callable[[Source], Iterator[Fault]]


def file_is_short(source: Source) -> Iterator[Fault]:
    """A file has at most `FILE_LINES_MAX` lines."""
    lines = source.text.count("\n")
    if source.path.endswith((".py", ".mjs")) and lines > FILE_LINES_MAX:
        yield source.fault(lines, f"{lines} lines; at most {FILE_LINES_MAX}: give it a room")


def function_is_short(source: Source) -> Iterator[Fault]:
    """A function has at most `FUNCTION_LINES_MAX` lines, its docstring not counted."""
    for node in source.functions:
        lines = _span(node)
        if ast.get_docstring(node, clean=False) is not None:
            lines -= _span(node.body[0])
        if lines > FUNCTION_LINES_MAX:
            yield source.fault(
                node.lineno, f"{node.name} has {lines} lines; at most {FUNCTION_LINES_MAX}"
            )


def world_is_handed_in(source: Source) -> Iterator[Fault]:
    """Only the rooms of `WORLD` (in tests `TEST_WORLD`) read a clock, chance or the system."""
    table = WORLD if source.is_product else TEST_WORLD
    imported = _imported_names(source)
    for node in (*source.nodes(ast.Name), *source.nodes(ast.Attribute)):
        name = _dotted(node, imported)
        if name is None or name in WORLD_EXCEPT:
            continue
        for banned, rooms in table.items():
            if _is_below(name, banned) and not source.path.startswith(rooms or ("\0",)):
                yield source.fault(node.lineno, f"{name} is handed in, not read here")


def a_wait_is_for_somebody(source: Source) -> Iterator[Fault]:
    """Nobody waits some time for an event of his own, which nobody sets: that is a sleep."""
    imported = _imported_names(source)
    for node in source.nodes(ast.Call):
        if not isinstance(node.func, ast.Attribute):
            continue
        made, is_timed = node.func.value, bool(node.args or node.keywords)
        if isinstance(made, ast.Call) and node.func.attr == "wait" and is_timed:
            name = _dotted(made.func, imported)
            if name == "threading.Event":
                yield source.fault(node.lineno, "a sleep by another name: wait for what happens")


def import_names_the_package(source: Source) -> Iterator[Fault]:
    """Nobody imports a top folder by its own name: that would load a second copy."""
    for node, names in _imports_of(source):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield source.fault(node.lineno, "imports are absolute: from seriatim.… import …")
            continue
        for top in sorted({name.partition(".")[0] for name in names} & set(PRODUCT_FOLDERS)):
            yield source.fault(node.lineno, f"import seriatim.{top}, not {top}")


def no_test_is_imported(source: Source) -> Iterator[Fault]:
    """What several tests use has a room in `tests/support`: a ``test_*`` module is nobody's."""
    for node, names in _imports_of(source):
        if any(name.startswith("tests.") and ".test_" in name for name in names):
            yield source.fault(node.lineno, "what tests share belongs into tests/support")


def _imports_of(source: Source) -> Iterator[tuple[ast.Import | ast.ImportFrom, list[str]]]:
    """Yield each import of *source* with the full names of what it imports."""
    for node in source.nodes(ast.Import):
        yield node, [alias.name for alias in node.names]
    for each in source.nodes(ast.ImportFrom):
        yield each, [f"{each.module or ''}.{alias.name}" for alias in each.names]


def suppression_gives_its_reason(source: Source) -> Iterator[Fault]:
    """``noqa`` and ``type: ignore`` name their codes and, after a second ``#``, their reason."""
    if not source.is_python or not _SUPPRESSION.search(source.text):
        return
    for token in tokenize.generate_tokens(StringIO(source.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        found = _SUPPRESSION.match(token.string)
        if found and not _REASONED.match(found["rest"]):
            yield source.fault(token.start[0], f"{token.string!r} needs a code and '  # reason'")


def words_are_ours(source: Source) -> Iterator[Fault]:
    """Names keep to the glossary: codecs encode and decode, and nothing is called a helper."""
    if not source.is_python:
        return
    stem = PurePosixPath(source.path).stem
    if stem in FILE_NAMES_BANNED:
        yield source.fault(1, f"{stem} does not say what lives in the file")
    made = [(each.name, each.lineno) for each in (*source.functions, *source.nodes(ast.ClassDef))]
    made += [
        (node.id, node.lineno) for node in source.nodes(ast.Name) if isinstance(node.ctx, ast.Store)
    ]
    made += [(node.arg, node.lineno) for node in source.nodes(ast.arg)]
    for name, line in made:
        if WORDS_BANNED.search(name):
            yield source.fault(line, f"{name}: see docs/glossary.md for our words")


def text_names_no_workplace(source: Source) -> Iterator[Fault]:
    """No tracked file names a path of somebody's machine, or where packages come from."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        if _WORKPLACE.search(line):
            yield source.fault(number, "a path of one machine")
        if _REGISTRY.search(line):
            yield source.fault(number, "the place of a package; names and hashes are enough")


RULES: Final[tuple[Rule, ...]] = (
    file_is_short,
    function_is_short,
    world_is_handed_in,
    a_wait_is_for_somebody,
    import_names_the_package,
    no_test_is_imported,
    suppression_gives_its_reason,
    words_are_ours,
    text_names_no_workplace,
)


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_below(name: str, banned: str) -> bool:
    return name.startswith(banned) if banned.endswith(".") else name == banned


def _imported_names(source: Source) -> dict[str, str]:
    """Return what each imported name stands for, in full."""
    names: dict[str, str] = {}
    for node in source.nodes(ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            names[alias.asname or top] = alias.name if alias.asname else top
    for each in source.nodes(ast.ImportFrom):
        for alias in each.names if each.module else ():
            names[alias.asname or alias.name] = f"{each.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, imported: Mapping[str, str]) -> str | None:
    """Return the full name that *node* reads, where it starts from an import or a builtin."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return imported.get(node.id, node.id if node.id in {"eval", "exec"} else None)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, imported)
        return None if base is None else f"{base}.{node.attr}"
    return None
