"""The two enumerations of a report. The command line reads them for help: nothing is imported."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """An API; each one that a node speaks is tried as a suite of its own."""

    LEGACY = "legacy"
    HYPERBEAM = "hyperbeam"


class Outcome(StrEnum):
    """What became of a check."""

    HOLDS = "holds"
    FAILS = "fails"
    SKIPPED = "skipped"
