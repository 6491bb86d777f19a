"""The list of checks: reports, ``--only`` and tests go by their names."""

from __future__ import annotations

from seriatim.testing.conformance import CHECKS


def test_within_an_api_a_name_is_that_of_one_check() -> None:
    named = [(kind, check.name) for check in CHECKS for kind in check.kinds]
    assert len(named) == len(set(named))


def test_a_name_is_one_word() -> None:
    assert [check.name for check in CHECKS if not check.name.isidentifier()] == []
