"""What a trigger may be, and what each fault is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import TRIGGER_MAX_BYTES, TRIGGER_NAME_MAX_CHARS
from seriatim.formats.triggers.definition import Definition, fire_key, read_definition
from seriatim.formats.triggers.progress import (
    Defined,
    Progress,
    State,
    decode_defined,
    decode_progress,
    encode_defined,
    encode_progress,
)

NOW_MS = 1_795_000_000_000
PROCESS = "A" * 43
GOOD: Mapping[str, Any] = {"when": "every hour", "process": PROCESS}
JOB: Mapping[str, Any] = {"queue": "default", "type": "report"}

BAD: list[tuple[Mapping[str, Any], str, str]] = [
    ({}, "bad_trigger", "one of process, path, function and job"),
    ({"process": PROCESS}, "bad_trigger", "a recurrence, or a watch"),
    ({**GOOD, "watch": {"kind": "file"}}, "bad_trigger", "a recurrence, or a watch"),
    ({**GOOD, "path": "/a"}, "bad_trigger", "found 'process and path'"),
    ({**GOOD, "wen": "x"}, "bad_trigger", "wen: expected a field of a trigger"),
    ({**GOOD, "when": 5}, "bad_trigger", "when: expected text"),
    ({**GOOD, "message": "hello"}, "bad_trigger", "message: expected a map"),
    ({**GOOD, "message": {"nominal-time": 5}}, "bad_trigger", "no field that a fire has itself"),
    ({**GOOD, "process": "short"}, "bad_id", ""),
    ({**GOOD, "tz": "Europe/Pariss"}, "unknown_zone", "Europe/Paris"),
    ({**GOOD, "when": "0 0 31 2 *"}, "bad_cron", "day-of-month"),
    ({**GOOD, "when": "every 0 minutes"}, "bad_interval", "above 0"),
    ({**GOOD, "when": "yesterday"}, "past_time", ""),
    ({**GOOD, "jitter": "soon"}, "bad_time", "a whole number"),
    ({**GOOD, "window": "0s"}, "bad_interval", ""),
    ({**GOOD, "misfire": "never"}, "bad_trigger", "once or all or skip"),
    ({**GOOD, "misfire": "skip", "window": "1h"}, "bad_trigger", "no window"),
    ({**GOOD, "overlap": "queue"}, "bad_trigger", "nothing for a message"),
    ({"when": "1h", "job": JOB, "overlap": "skip"}, "bad_trigger", "'unique'"),
    ({**GOOD, "end": "2020-01-01T00:00Z"}, "never_due", ""),
    ({**GOOD, "start": "now and then"}, "bad_time", ""),
    ({**GOOD, "name": "two\nlines"}, "bad_trigger", "printable"),
    ({**GOOD, "name": "n" * (TRIGGER_NAME_MAX_CHARS + 1)}, "bad_trigger", "printable"),
    ({**GOOD, "method": "POST"}, "bad_trigger", "a path beside"),
    ({**GOOD, "message": {"a": None}}, "bad_value", ""),
    ({**GOOD, "gap": "after"}, "no_policy", "cron expression"),
    ({"watch": {"kind": "file"}, "process": PROCESS, "jitter": "5s"}, "bad_trigger", "watch"),
    ({"when": "every hour", "path": "/a", "message": {}}, "bad_trigger", "a process beside it"),
    ({"when": "every hour", "path": "/a", "method": "PUT"}, "bad_trigger", "GET or POST"),
    ({"when": "every hour", "path": "/a", "body": "x"}, "bad_trigger", "POST beside it"),
    ({"when": "every hour", "path": "/a", "body": 5, "method": "POST"}, "bad_trigger", "bytes"),
]

OUTSIDE = [
    "a",
    "//evil.example/",
    "/\\evil.example/",
    "http://evil.example/",
    "\\\\evil.example",
    "/a b",
    "/a\r\nhost: evil.example",
    "/a\tb",
    "/é",
    "/a#b",
    "",
    "?a",
    "@evil.example",
]


@pytest.mark.parametrize(("fields", "code", "words"), BAD, ids=lambda each: str(each)[:60])
def test_what_is_wrong_is_named(fields: Mapping[str, Any], code: str, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_definition(fields, now_ms=NOW_MS)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_leads_to_this_node_and_nowhere_else(path: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_definition({"when": "every hour", "path": path}, now_ms=NOW_MS)
    assert caught.value.code == "bad_trigger"


def test_what_is_too_large_is_refused() -> None:
    message = {"data": "x" * TRIGGER_MAX_BYTES}
    with pytest.raises(LimitExceededError):
        read_definition({**GOOD, "message": message}, now_ms=NOW_MS)
    with pytest.raises(LimitExceededError):
        read_definition({"when": "every hour", "path": "/" + "a" * 4_000}, now_ms=NOW_MS)


VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(1 - 2**63, 2**63 - 1), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    message=st.dictionaries(st.text("abc", min_size=1, max_size=4), VALUES, max_size=4),
    name=st.text("abc -", max_size=8),
    misfire=st.sampled_from(["once", "all", "skip"]),
)
def test_what_is_kept_of_a_definition_is_that_definition(
    message: dict[str, Any], name: str, misfire: str
) -> None:
    fields = {
        **GOOD,
        "message": {**message, "raw": b"\xff"},
        "name": name,
        "misfire": misfire,
        "tz": "Asia/Tokyo",
    }
    definition = read_definition(fields, now_ms=NOW_MS)
    kept = decode_defined(encode_defined(Defined(definition, NOW_MS)))
    assert kept == Defined(definition, NOW_MS)
    assert kept.definition.id == definition.id
    assert read_definition(definition.fields, now_ms=NOW_MS) == definition


@given(
    state=st.sampled_from(State),
    numbers=st.tuples(st.integers(-1, 2**60), st.none() | st.integers(0, 2**60)),
    mark=st.binary(),
)
def test_what_is_kept_of_progress_is_that_progress(
    state: State, numbers: tuple[int, int | None], mark: bytes
) -> None:
    progress = Progress(state, *numbers, 7, mark, "module.function", "2026a")
    assert decode_progress(encode_progress(progress)) == progress


def test_an_id_is_that_of_the_name_or_of_all_that_is_said() -> None:
    first = read_definition(GOOD, now_ms=NOW_MS)
    assert first.id == read_definition(dict(sorted(GOOD.items())), now_ms=NOW_MS + 1).id
    assert first.id != read_definition({**GOOD, "jitter": "1s"}, now_ms=NOW_MS).id
    named = Definition(name="n", when="every hour", process=PROCESS)
    assert named.id == Definition(name="n").id
    assert len({fire_key(first.id, "5"), fire_key(first.id, "6"), fire_key(named.id, "5")}) == 3
