"""What every test shares: how many examples hypothesis tries, and from which seed.

``ci`` (the default) is the same every time, so that a red run means a change. ``nightly`` starts
from a new seed each time and tries many more (``make nightly``); a failure prints the decorator
that replays it.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

NIGHTLY_EXAMPLES = 2_000

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
)
settings.register_profile(
    "nightly",
    max_examples=NIGHTLY_EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
