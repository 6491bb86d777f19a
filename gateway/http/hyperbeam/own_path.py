"""Which paths a trigger may have: those that this node answers by itself."""

from __future__ import annotations

from seriatim.formats.errors import MalformedError
from seriatim.gateway.http.hyperbeam.path import parse_path


def check_stays_here(path: str) -> None:
    """Refuse a *path* of a trigger that would have the node ask another one.

    Raises:
        MalformedError: it has a hint, which names another node; code ``bad_trigger``.
        SchedulerError: it is no path that this node reads; see `parse_path`.
    """
    parsed = parse_path(path)
    for keys in (parsed.query, *(step.keys for step in parsed.steps)):
        for name, value in keys.items():
            bare = name.rpartition(".")[2].partition("+")[0]
            if bare == "hint" or "?hint=" in value:
                raise MalformedError(
                    "path: a trigger asks its own node only; leave out the hint to another one",
                    code="bad_trigger",
                )
