"""What every test shares: how many examples hypothesis tries, and from which seed.

``ci`` (the default) is the same every time, so that a red run means a change; ``check`` is its
beginning, for the fast part (``make check``). ``nightly`` starts from a new seed each time and
tries many more (``make nightly``); a failure prints the decorator that replays it.
"""

from __future__ import annotations

import gc
from functools import cache

import pytest
import typer.testing
from hypothesis import HealthCheck, settings
from typer.main import get_command

CHECK_EXAMPLES = 25
NIGHTLY_EXAMPLES = 2_000

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
)
settings.register_profile(
    "check",
    settings.get_profile("ci"),
    max_examples=CHECK_EXAMPLES,
)
settings.register_profile(
    "nightly",
    max_examples=NIGHTLY_EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

# What is collected lives as long as the run does: to look for rubbish in it, again and again, takes
# a tenth of its time.
gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# A runner of tests makes the command line anew with each call, which takes longer than most verbs.
typer.testing._get_command = cache(get_command)  # type: ignore[attr-defined]  # as above
