"""The wait that a request prefers is read where RFC 7240 has one, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.limits import HTTP_LINE_MAX_BYTES
from seriatim.gateway.http.preference import preferred_wait_s

FORMS = ["wait={}", "Wait = {}", 'WAIT="{}"', "wait={};a=b", "wait={} ;"]
NAMES = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}", fullmatch=True)
SPACES = st.sampled_from(["", " ", "\t", "  "])
QUOTED = st.text(st.sampled_from('ab ,;=wait0"\\')).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)


@st.composite
def pairs(draw: st.DrawFn) -> str:
    name = draw(NAMES.filter(lambda each: each.lower() != "wait"))
    if draw(st.booleans()):
        return name
    return name + draw(SPACES) + "=" + draw(SPACES) + draw(NAMES | QUOTED)


@st.composite
def preferences(draw: st.DrawFn) -> str:
    """Return a preference that is no wait, with parameters, some of them empty."""
    parts = draw(st.lists(pairs() | st.just(""), max_size=3))
    return draw(pairs()) + "".join(draw(SPACES) + ";" + draw(SPACES) + each for each in parts)


@given(st.lists(preferences(), max_size=4), st.integers(0, 999_999_999), st.data())
def test_the_first_wait_counts_wherever_it_stands(
    others: list[str], wait_s: int, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(FORMS))
    place = data.draw(st.integers(0, len(others)))
    line = [*others[:place], form.format(wait_s), *others[place:], "wait=5"]
    assert preferred_wait_s([",".join(others)]) is None
    assert preferred_wait_s([" , ".join(line)]) == wait_s
    assert preferred_wait_s(line) == wait_s, "a header line each"


@pytest.mark.parametrize(
    "line",
    [
        *("", ",", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", 'wait="1', "wait=1000000000"),
        *("wait:5", "wait=5 6", "await=5", 'a="wait=5', "a; wait=5", "(x), wait=5", "=5, wait=5"),
        *("wait=x, wait=5", "wait=\u0665"),
    ],
)
def test_what_is_malformed_is_ignored(line: str) -> None:
    assert preferred_wait_s([line]) is None


@pytest.mark.parametrize("part", ["; ", " ;a", 'a="\\"', "a ", "a= ", ", ", '"', "a=b;c "])
def test_the_longest_line_is_read_in_no_time(part: str) -> None:
    """Were spaces to be read in two ways, this would not end."""
    line = "a" + part * (HTTP_LINE_MAX_BYTES // len(part))
    assert preferred_wait_s([line + "(", line + "; =", line + ', wait="']) is None
