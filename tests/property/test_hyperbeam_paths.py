"""Paths: what is written comes back, keys go to their steps, and no input breaks the parser."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import LimitExceededError, MalformedError, SchedulerError
from seriatim.formats.limits import HTTP_KEYS_MAX, HTTP_SEGMENT_MAX_BYTES, HTTP_SEGMENTS_MAX
from seriatim.formats.tabm.structured import Atom
from seriatim.gateway.http.hyperbeam.path import parse_path

ID = "A" * 43
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
NAMES = WORDS.filter(lambda text: not set(text) & set("/~&+=?.(%") and text == text.lower())
VALUES = WORDS.filter(lambda text: text[0] != "(")
KEYS = st.dictionaries(NAMES, VALUES, max_size=4)
# Within the path, a question mark starts the query even where it is encoded.
OWN_KEYS = st.dictionaries(NAMES, VALUES.filter(lambda text: "?" not in text), max_size=4)


def text_of(keys: dict[str, str]) -> str:
    quoted = ((quote(name, safe=""), quote(value, safe="")) for name, value in keys.items())
    return "&".join(f"{name}={value}" for name, value in quoted)


def segment(name: str, device: str, keys: dict[str, str]) -> str:
    shown = quote(name, safe="") + (f"~{device}" if device else "")
    return f"{shown}&{text_of(keys)}" if keys else shown


@given(
    steps=st.lists(st.tuples(NAMES, st.sampled_from(["", "device@1.0"]), OWN_KEYS), max_size=5),
    query=KEYS,
)
def test_what_is_written_comes_back(
    steps: list[tuple[str, str, dict[str, str]]], query: dict[str, str]
) -> None:
    segments = "/".join(segment(*step) for step in steps)
    path = parse_path(f"/{segments}" + (f"?{text_of(query)}" if query else ""))
    assert [(step.name, step.device) for step in path.steps] == [
        (name, device) for name, device, _ in steps
    ]
    for index, (_, _, own) in enumerate(steps):
        assert dict(path.keys_at(index)) == {**query, **own}


@given(st.text(max_size=60) | st.from_regex(r"[/~&?=+.()%0-9a-f@]{0,40}"))
def test_no_path_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        path = parse_path(text)
        for index in range(len(path.steps)):
            assert path.keys_at(index).keys() == path.values_at(index).keys()
    except SchedulerError:
        return


@pytest.mark.parametrize(
    ("target", "index", "keys"),
    [
        (f"/{ID}~process@1.0/schedule?from=1&to=2", 1, {"from": "1", "to": "2"}),
        ("/~scheduler@1.0/schedule&from=1/assignments?from=2", 1, {"from": "1"}),
        ("/~scheduler@1.0/schedule%3Ffrom=1", 1, {"from": "1"}),
        ("/~scheduler@1.0/schedule?0.a=1&1.b=2&2.c=3", 0, {"a": "1"}),
        ("/~scheduler@1.0/schedule?0.a=1&1.b=2&2.c=3", 1, {"b": "2"}),
        ("/schedule?0.a=1&1.b=2", 0, {"b": "2"}),
        (f"/{ID}/slot/current?1.b=2&2.c=3", 2, {"c": "3"}),
        ("/a?from=&from=5", 0, {"from": "5"}),
        ("/a?alone", 0, {"alone": "true"}),
        ("/a?from+integer=-5&x+float=1e3&y+atom=any", 0, {"from": "-5", "x": "1e3", "y": "any"}),
        ("/a?A=1", 0, {"a": "1"}),
        ("/a?01.b=2&0.b=1", 0, {"b": "2"}),
        (f"/a?{'9' * 5_000}.b=1", 0, {}),
    ],
)
def test_keys_go_to_their_steps(target: str, index: int, keys: dict[str, str]) -> None:
    assert dict(parse_path(target).keys_at(index)) == keys


def test_the_message_that_a_step_is_has_values_of_their_types() -> None:
    path = parse_path("/~message@1.0&a=1&b+integer=-2&c+float=2.5&d+atom=true&e+atom=other&f/a?g=h")
    assert dict(path.values_at(0)) == {
        "a": "1",
        "b": -2,
        "c": 2.5,
        "d": True,
        "e": Atom("other"),
        "f": "true",
        "g": "h",
    }
    assert dict(path.values_at(1)) == {"g": "h"}
    with pytest.raises(MalformedError):
        parse_path("/~message@1.0&x+float=1e999/x").values_at(0)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/a?x.y=1", "bad_scope"),
        ("/a?\N{ARABIC-INDIC DIGIT ONE}.y=1", "bad_scope"),
        ("/a?from+integer=x", "bad_query"),
        ("/a?x+float=1.", "bad_query"),
        ("/a?x+int=1", "bad_query"),
        ("/a?x+resolve=/b", "unsupported"),
        ("/a?x=(/b)", "unsupported"),
        ("/(a/b)", "unsupported"),
        ("/%28a", "unsupported"),
        ("/%ff", "bad_path"),
        ("/a?%ff=1", "bad_path"),
    ],
)
def test_what_is_not_resolved_is_refused(target: str, code: str) -> None:
    with pytest.raises(SchedulerError) as caught:
        parse_path(target).keys_at(0)
    assert caught.value.code == code


def test_paths_are_bounded() -> None:
    parse_path("/a" * HTTP_SEGMENTS_MAX)
    for target in (
        "/a" * (HTTP_SEGMENTS_MAX + 1),
        "/" + "a" * (HTTP_SEGMENT_MAX_BYTES + 1),
        "/a?" + "&".join(f"k{n}" for n in range(HTTP_KEYS_MAX + 1)),
        "/a&" + "&".join(f"{n}" for n in range(HTTP_KEYS_MAX + 1)),
    ):
        with pytest.raises(LimitExceededError):
            parse_path(target)


def test_a_key_without_a_scope_that_is_a_number_has_none() -> None:
    with pytest.raises(MalformedError):
        parse_path("/a?.b=1").keys_at(0)
