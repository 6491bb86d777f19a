"""Folds as users write them, good ones and others; children find them by name."""

from __future__ import annotations

import os
import threading
from typing import Any

from seriatim import Outcome, Step, fold


@fold("tally@1.0", init={"sum": 0})
def tally(state: dict[str, Any], step: Step) -> Outcome:
    """Add up the amounts."""
    if step.slot:
        state["sum"] += int(str(step.fields["amount"]))
    return Outcome(state, output=f"slot {step.slot}")


@fold("odd@1.0", init={"seen": []})
def odd(state: dict[str, Any], step: Step) -> Any:
    """Do what the message says, however bad it is."""
    word = step.fields.get("word")
    if word == "hang":
        threading.Event().wait()
    if word == "die":
        os._exit(3)
    if word == "object":
        return object()
    return {"seen": [*state["seen"], step.slot]}


NOT_A_FOLD = 7
