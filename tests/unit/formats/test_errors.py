"""The tree of errors, as it is drawn and as it is."""

from __future__ import annotations

import re

from seriatim.formats import errors
from seriatim.formats.errors import SchedulerError


def tree(kind: type[SchedulerError], depth: int = 0) -> list[tuple[int, str]]:
    found = [(depth, kind.__name__)]
    for child in kind.__subclasses__():
        if child.__module__.startswith(errors.__name__):
            found += tree(child, depth + 1)
    return found


def test_the_drawn_tree_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = [
        (len(branch) // 4, name)
        for branch, name in re.findall(
            r"^    ((?:[│ ]   |[├└]── )*)(\w+Error)", errors.__doc__, re.MULTILINE
        )
    ]
    assert sorted(drawn) == sorted(tree(SchedulerError))


def test_every_last_error_has_a_code_of_its_own() -> None:
    kinds = [getattr(errors, name) for _, name in tree(SchedulerError)]
    codes = [kind.code for kind in kinds if not kind.__subclasses__()]
    assert len(set(codes)) == len(codes)
