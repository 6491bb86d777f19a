"""A report in parts is the report: nothing is lost, doubled, or said in another order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.commands import Done, Printed, Released, Report, Reported
from seriatim.actors.queue.report_parts import joined, parts_of
from seriatim.formats.limits import (
    JOB_RESULT_MAX_BYTES,
    REPORT_PART_ENDS_MAX,
    REPORT_PART_MAX_BYTES,
)

SIZES = st.lists(st.sampled_from([-1, 0, 7, JOB_RESULT_MAX_BYTES // 2, JOB_RESULT_MAX_BYTES]))


@given(SIZES, st.integers(0, 2 * REPORT_PART_ENDS_MAX))
def test_the_parts_are_the_report(sizes: list[int], more: int) -> None:
    ended = [
        Released(f"j{number}", 1) if size < 0 else Done(f"j{number}", 1, bytes(size))
        for number, size in enumerate([*sizes, *[0] * more])
    ]
    whole = Report("w", ended, [("held", 1)], [Printed("j0", 1, 0, b"x")])
    parts = list(parts_of(whole))
    assert [each for part in parts for each in part.ended] == ended
    assert [part.printed for part in parts if part.printed] == [whole.printed]
    assert parts[0].printed
    assert [part.held for part in parts if part.held] == [whole.held]
    assert parts[-1].held
    for part in parts:
        assert len(part.ended) <= REPORT_PART_ENDS_MAX
        size = sum(len(each.result) for each in part.ended if isinstance(each, Done))
        assert size <= REPORT_PART_MAX_BYTES
    assert all(part.ended for part in parts[1:])


def test_the_answers_to_the_parts_are_one() -> None:
    first, last = Reported({"a": "late"}, [], {}), Reported({"b": "later"}, [("c", 1)], {"d": "no"})
    assert joined([first, last]) == last._replace(refused={"a": "late", "b": "later"})
    assert joined([last]) is last
