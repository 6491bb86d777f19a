"""The fold that is measured: a child of the run finds it here by name."""

from __future__ import annotations

from seriatim.formats.folds.fold import Step, fold


@fold("tally@1.0", init={"sum": 0})
def tally(state: dict[str, int], step: Step) -> dict[str, int]:
    """Count the slots, and add up their numbers."""
    state["sum"] += step.slot
    return state
