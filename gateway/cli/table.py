"""Rows for people, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from seriatim.gateway.cli.output import printable


def value_text(value: object) -> str:
    """Return a value of JSON as people say it: a text as it is, and all else as it is typed in."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each of *rows*: columns as wide as what is in them."""
    # Clients choose words in them: none of them may steer the reader's terminal.
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
