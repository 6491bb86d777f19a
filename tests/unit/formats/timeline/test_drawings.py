"""Timelines as people look at them: nothing overlaps, and no name is markup."""

from __future__ import annotations

import itertools
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.timeline.rows import busy_ms, draw, stack
from seriatim.formats.timeline.svg import svg
from seriatim.formats.timeline.text import gantt

FROM, TO = 1_000, 2_000
SVG = "{http://www.w3.org/2000/svg}"


def span(worker: str, began_ms: int, ended_ms: int | None, **more: Any) -> dict[str, Any]:
    how = "" if ended_ms is None else "done"
    said = {"job": "j", "type": "a", "worker": worker, "how": how, "code": ""}
    return {**said, "began_ms": began_ms, "ended_ms": ended_ms, **more}


texts = st.text(max_size=8)
spans = st.lists(
    st.builds(
        lambda worker, kind, code, began_ms, took_ms, is_open: span(
            worker,
            began_ms,
            None if is_open else min(max(began_ms + took_ms, FROM), TO - 1),
            type=kind,
            code=code,
        ),
        texts,
        st.none() | texts,
        texts,
        st.integers(0, TO - 1),
        st.integers(0, TO),
        st.booleans(),
    ),
    max_size=30,
)


def test_each_worker_has_a_row_and_each_type_a_letter() -> None:
    drawn = draw(
        "q",
        FROM,
        TO,
        [
            span("w2", 1_500, None, type="b"),
            span("w1", 0, 1_150),
            span("w1", 1_300, 1_499),
            span("w1", 1_400, 1_450, type="b"),
            span("w1", 1_700, 1_850, how="failed", code="raised", type=None),
        ],
    )
    assert list(gantt(drawn, 10, str)) == [
        "1000 to 2000",
        "w1 |<B B*  C! | 4, 50% busy",
        "w2 |     AAAA>| 1, 50% busy",
        "A b, B a, C (forgotten), * several, ! failed, < began before, > had not ended",
        "3 done, 1 failed",
    ]


def test_a_window_in_which_nothing_ran_says_so() -> None:
    drawn = draw("q", FROM, TO, [])
    assert list(gantt(drawn, 10, str)) == ["1000 to 2000", "nothing ran"]
    assert b"<svg" in svg(drawn, str)


@given(spans)
def test_no_two_of_a_lane_overlap_and_there_are_as_few_as_can_be(found: list[Any]) -> None:
    for bars in draw("q", FROM, TO, found).workers.values():
        lanes = stack(bars)
        assert sorted(bar for lane in lanes for bar in lane) == sorted(bars)
        for lane in lanes:
            assert all(a.ended_ms <= b.began_ms for a, b in itertools.pairwise(lane))
        # One that takes no time is nowhere but where it begins.
        at_once = max(
            sum(bar.began_ms <= other.began_ms < bar.ended_ms for bar in bars) for other in bars
        )
        assert len(lanes) <= max(at_once, 1)


@given(spans)
def test_busy_is_the_time_that_anything_ran(found: list[Any]) -> None:
    for bars in draw("q", FROM, TO, found).workers.values():
        assert busy_ms(bars) == len(
            {at for bar in bars for at in range(bar.began_ms, bar.ended_ms)}
        )


@given(spans, st.integers(10, 40))
def test_a_row_is_as_wide_as_the_others(found: list[Any], columns: int) -> None:
    drawn = draw("q", FROM, TO, found)
    lines = list(gantt(drawn, columns, str))
    rows = lines[1 : 1 + len(drawn.workers)]
    width = max(map(len, drawn.workers), default=0)
    for row, bars in zip(rows, drawn.workers.values(), strict=False):
        cells = row[width + 2 : width + 2 + columns]
        assert row[width + 1] == row[width + 2 + columns] == "|"
        assert ("<" in cells or "!" in cells) or not any(bar.is_early for bar in bars)


@given(texts, spans)
def test_the_picture_is_well_formed_whatever_names_say(queue: str, found: list[Any]) -> None:
    root = ET.fromstring(svg(draw(queue, FROM, TO, found), str))
    drawn = [each for each in root.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    assert len(drawn) == len(found)
    assert {each.tag for each in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "text", "rect", "title", "line")
    }


def test_the_picture_says_what_a_name_says() -> None:
    name = "<script>&'\"</script>"
    root = ET.fromstring(svg(draw("q", FROM, TO, [span(name, FROM, 1_500)]), str))
    assert name in [each.text for each in root.iter(f"{SVG}text")]
