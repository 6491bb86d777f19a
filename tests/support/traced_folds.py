"""Folds that leave a trace in the folder that the environment names, and wait when told."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from seriatim import Step, fold

FOLDER = "SERIATIM_TEST_TRACE"
NAMES = tuple(f"{letter}@1.0" for letter in "abcde")


def trace_file(folder: Path) -> Path:
    """Return the file with a line for each run that has come to its end."""
    return folder / "trace"


def gate_file(folder: Path, name: str, number: int) -> Path:
    """Return the file by which *name* stops in pass *number*; when it has, it is empty."""
    return folder / f"gate-{name}-{number}"


def _traced(name: str) -> Any:
    @fold(name, init={})
    def run(state: dict[str, Any], step: Step) -> dict[str, Any]:
        folder = Path(os.environ[FOLDER])
        gate = gate_file(folder, name, step.number)
        if gate.exists():
            gate.write_bytes(b"")
            threading.Event().wait()
        with trace_file(folder).open("a") as trace:
            trace.write(f"{step.process} {step.slot} {step.number} {name}\n")
        return {"runs": [*state.get("runs", []), [step.slot, step.number, name]]}

    return run


A, B, C, D, E = map(_traced, NAMES)
