"""Fuzzing for a while: ``python -m tests.fuzz SECONDS [TARGET …]``, which is ``make fuzz``.

Where atheris is installed it is guided by what the product's code does with an input, and kills
what loops or takes memory out of proportion; elsewhere hypothesis draws inputs until the time is
up. Each target runs in a child of its own: atheris ends the OS process that it runs in.
"""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Final

from hypothesis import given, settings

from tests.fuzz.mutation import inputs
from tests.fuzz.target import NAMES, Target, load

WORK: Final = Path(".fuzz")
"""What atheris has come upon, by target: the next run goes on from there."""

INPUT_DEADLINE_S: Final = 10
MEMORY_MAX_MB: Final = 1_024
ROUND_EXAMPLES: Final = 500


def main(arguments: list[str]) -> int:
    """Run what the command line says; return the exit status."""
    if arguments[0] == "--one":
        fuzz(arguments[1], int(arguments[2]))
        return 0
    seconds, *names = arguments
    failed = [
        name
        for name in names or NAMES
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz", "--one", name, seconds], check=False
        ).returncode
    ]
    passed = len(names or NAMES) - len(failed)
    sys.stdout.write(f"{passed} passed, {len(failed)} failed {' '.join(failed)}\n")
    return bool(failed)


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target for *seconds*; a finding ends this OS process with a status."""
    sys.stderr.write(f"== {name}\n")
    if find_spec("atheris") is None:
        fuzz_with_hypothesis(load(name), seconds)
    else:
        fuzz_with_atheris(name, seconds)


def fuzz_with_atheris(name: str, seconds: int) -> None:
    """Never returns; a failing input becomes a file in the target's corpus."""
    atheris = import_module("atheris")  # not everywhere, and without types
    with atheris.instrument_imports(include=["seriatim"]):
        target = load(name)
    work = WORK / name
    work.mkdir(parents=True, exist_ok=True)
    target.corpus.mkdir(parents=True, exist_ok=True)
    for raw in target.seeds():
        (work / sha256(raw).hexdigest()).write_bytes(raw)
    options = {
        "max_total_time": seconds,
        "timeout": INPUT_DEADLINE_S,
        "rss_limit_mb": MEMORY_MAX_MB,
        "artifact_prefix": f"{target.corpus}/",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    flags = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([name, *flags, str(work), str(target.corpus)], target.check)
    atheris.Fuzz()


def fuzz_with_hypothesis(target: Target, seconds: int) -> None:
    """Draw inputs, each round from a new seed, until the time is up."""
    check = settings(max_examples=ROUND_EXAMPLES, derandomize=False, deadline=None, database=None)(
        given(inputs(target.seeds()))(target.check)
    )
    ends_at = monotonic() + seconds
    while monotonic() < ends_at:
        check()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
