"""``seriatim bench``: each figure beside its own ceiling, on this machine, in one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def main(*, only: Sequence[str], quick: bool, as_json: bool, out: Path | None) -> int:
    """Measure, print the table or one JSON value, and return the exit status.

    An aim that is not met is a finding, not a failure: the status is 0.

    Args:
        only: the letters of the parts to measure.
        quick: small counts, whose figures mean little.
        as_json: print JSON instead of the table.
        out: a file that gets the JSON too.

    Raises:
        MalformedError: there is no such part; code ``bad_part``.
        UnavailableError: a part failed, or what it measured was not right.
    """
    # The children of a run are modules of this room; they load only themselves.
    from seriatim.gateway.bench.run import run_bench  # noqa: PLC0415  # as above

    return run_bench(only=only, quick=quick, as_json=as_json, out=out)
