"""The checks, one file per subject; `CHECKS` has all of them in the order of the report.

Within a kind, a name is that of one check: a report and ``--only`` go by it.
"""

from __future__ import annotations

from typing import Final

from seriatim.gateway.conform.check import Check
from seriatim.gateway.conform.checks import (
    manners,
    order,
    paging,
    paths,
    reading,
    shapes,
    signing,
    traffic,
)

CHECKS: Final[tuple[Check, ...]] = (
    *order.CHECKS,
    *traffic.CHECKS,
    *reading.CHECKS,
    *paging.CHECKS,
    *paths.CHECKS,
    *shapes.CHECKS,
    *signing.CHECKS,
    *manners.CHECKS,
)
