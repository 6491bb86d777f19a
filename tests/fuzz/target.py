"""What a fuzz target is, which there are, and the inputs that each of them begins with.

A target is a module of ``targets/`` with two functions: ``seeds``, inputs that are known to be
good or nearly so, and ``check``, which takes any bytes and raises when a decoder has done
anything but decode or refuse them, or when a law does not hold for what it has decoded.

It is loaded by name, so that whoever drives it can instrument the product first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
NAMES: Final = tuple(sorted(file.stem for file in (HERE / "targets").glob("*.py")))


class Target(NamedTuple):
    """One way in for bytes from outside.

    Attributes:
        name: of its module, and of its folder in ``corpus/``.
        seeds: returns what mutation starts from, made of recorded vectors.
        check: returns for bytes that are decoded or refused as they should be; raises otherwise.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    check: Callable[[bytes], None]

    @property
    def corpus(self) -> Path:
        """The folder of inputs that once broke something; it may not be there."""
        return HERE / "corpus" / self.name

    def found(self) -> list[bytes]:
        """Return the inputs that once broke something, in the order of their names."""
        return [file.read_bytes() for file in sorted(self.corpus.glob("*"))]


def load(name: str) -> Target:
    """Return the target called *name*, one of `NAMES`."""
    module = import_module(f"tests.fuzz.targets.{name}")
    return Target(name, module.seeds, module.check)
