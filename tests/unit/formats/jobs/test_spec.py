"""What may be said of a job, and what is answered to everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.jobs.raw_json import RawJson
from seriatim.formats.jobs.spec import (
    backoff_of,
    read_asked,
    read_defaults,
    say_asked,
    with_defaults,
)
from seriatim.formats.limits import (
    INSTANT_MAX_MS,
    INTERVAL_MAX_MS,
    JOB_ARGS_MAX_BYTES,
    JOB_CRASHES_MAX,
    JOB_KEY_MAX_CHARS,
    JOB_LEASE_MAX_MS,
    JOB_LEASE_MIN_MS,
    JOB_PARENTS_MAX,
    JOB_PRIORITY_MAX,
    JOB_RETRIES_MAX,
    JOB_TAKES_MAX,
    JOB_TOKENS_MAX,
    JOB_TRACE_MAX_CHARS,
)

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("args", None, RawJson(b"null")),
    ("args", {"b": 1, "a": [1.5, "ü"]}, RawJson('{"b":1,"a":[1.5,"ü"]}'.encode())),
    ("args", RawJson(b' { "a" : 1E2 } '), RawJson(b'{"a":100.0}')),
    ("priority", -JOB_PRIORITY_MAX, -JOB_PRIORITY_MAX),
    ("priority", JOB_PRIORITY_MAX, JOB_PRIORITY_MAX),
    ("delay_ms", 0, 0),
    ("delay_ms", INTERVAL_MAX_MS, INTERVAL_MAX_MS),
    ("due_ms", INSTANT_MAX_MS, INSTANT_MAX_MS),
    ("deadline_ms", 0, 0),
    ("after", [], []),
    ("after", ["a", ("b", "skip"), {"job": "c", "otherwise": "run"}, {"job": "d"}],
     [["a", "fail"], ["b", "skip"], ["c", "run"], ["d", "fail"]]),
    ("after", ["a", "a"], [["a", "fail"]]),
    ("unique", "key", {"key": "key"}),
    ("unique", {"key": "k", "window_ms": 0, "states": ["pending", "done", "done"]},
     {"key": "k", "states": ["done", "pending"], "window_ms": 0}),
    ("unique", False, None),
    ("key", "k" * JOB_KEY_MAX_CHARS, "k" * JOB_KEY_MAX_CHARS),
    ("takes", {"b": 1, "a": JOB_TOKENS_MAX}, {"a": JOB_TOKENS_MAX, "b": 1}),
    ("retries", JOB_RETRIES_MAX, JOB_RETRIES_MAX),
    ("crashes_max", 1, 1),
    ("crashes_max", JOB_CRASHES_MAX, JOB_CRASHES_MAX),
    ("backoff", {}, {}),
    ("backoff", {"factor": 1, "jitter": 1, "base_ms": 0, "max_ms": INTERVAL_MAX_MS},
     {"base_ms": 0, "factor": 1.0, "jitter": 1.0, "max_ms": INTERVAL_MAX_MS}),
    ("lease_ms", JOB_LEASE_MIN_MS, JOB_LEASE_MIN_MS),
    ("lease_ms", JOB_LEASE_MAX_MS, JOB_LEASE_MAX_MS),
    ("trace", "t" * JOB_TRACE_MAX_CHARS, "t" * JOB_TRACE_MAX_CHARS),
]  # fmt: skip

# A key, what is wrong, and the words that have to be in the answer.
REFUSED: list[tuple[str, Any, list[str]]] = [
    ("args", {1: 2}, ["what JSON can carry", "str"]),
    ("args", object(), ["what JSON can carry"]),
    ("args", 2**64, ["what JSON can carry"]),
    ("args", "\ud800", ["what JSON can carry"]),
    ("args", RawJson(b"{"), ["what JSON can carry"]),
    ("priority", JOB_PRIORITY_MAX + 1, ["whole number of -1000 to 1000", "1001"]),
    ("priority", True, ["whole number", "True"]),
    ("priority", 1.0, ["whole number", "1.0"]),
    ("priority", "1", ["whole number", "'1'"]),
    ("delay_ms", -1, ["whole number of 0", "-1"]),
    ("due_ms", INSTANT_MAX_MS + 1, ["whole number", str(INSTANT_MAX_MS + 1)]),
    ("deadline_ms", None, ["whole number", "None"]),
    ("after", "a", ["a list of at most 1000", "'a'"]),
    ("after", ["x"] * (JOB_PARENTS_MAX + 1), ["a list of at most 1000"]),
    ("after", [["a"]], ["a job, or a job and what to do otherwise", "['a']"]),
    ("after", [7], ["a job, or a job and what to do otherwise", "7"]),
    ("after", [["a", "stop"]], ["one of fail, skip, run", "stop"]),
    ("after", [["a", []]], ["one of fail, skip, run", "[]"]),
    ("after", [{"job": "a", "policy": "run"}], ["the keys job and otherwise", "policy"]),
    ("after", ["a", ["a", "run"]], ["each job once", "a"]),
    ("unique", 5, ["a map with some of key, states, window_ms", "5"]),
    ("unique", "", ["a printable text of 1 to 256", ""]),
    ("unique", {"name": "x"}, ["a map with some of key, states, window_ms", "name"]),
    ("unique", {"key": "\n"}, ["unique.key", "printable"]),
    ("unique", {"states": ["new"]}, ["unique.states", "some of blocked, pending", "new"]),
    ("unique", {"states": [["done"]]}, ["unique.states", "some of blocked, pending", "done"]),
    ("unique", {"states": "done"}, ["unique.states", "a list of at most 8"]),
    ("unique", {"window_ms": -1}, ["unique.window_ms", "whole number", "-1"]),
    ("key", "k" * (JOB_KEY_MAX_CHARS + 1), ["printable text of 1 to 256", "kkk"]),
    ("key", 1, ["printable text", "1"]),
    ("takes", ["gpu"], ["a map of at most 16", "gpu"]),
    ("takes", {f"t{i}": 1 for i in range(JOB_TAKES_MAX + 1)}, ["a map of at most 16"]),
    ("takes", {"gpu": 0}, ["takes.gpu", "whole number of 1", "0"]),
    ("retries", -1, ["whole number of 0", "-1"]),
    ("crashes_max", 0, ["whole number of 1", "0"]),
    ("backoff", 1_000, ["a map with some of base_ms, factor, max_ms, jitter", "1000"]),
    ("backoff", {"base": 1}, ["a map with some of base_ms", "base"]),
    ("backoff", {"factor": 0.5}, ["backoff.factor", "a number of 1 to 100", "0.5"]),
    ("backoff", {"factor": float("nan")}, ["backoff.factor", "nan"]),
    ("backoff", {"jitter": True}, ["backoff.jitter", "a number of 0 to 1", "True"]),
    ("backoff", {"base_ms": 0.5}, ["backoff.base_ms", "whole number", "0.5"]),
    ("lease_ms", JOB_LEASE_MIN_MS - 1, ["whole number of 100", "99"]),
    ("lease_ms", JOB_LEASE_MAX_MS + 1, ["whole number"]),
    ("trace", "\x7f", ["printable text"]),
    ("prio", 1, ["the keys id, type, args", "trace", "'prio'"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "spec"), ACCEPTED)
def test_what_a_job_may_say_is_read(key: str, value: object, spec: object) -> None:
    assert read_asked({"type": "a", key: value}).spec == {key: spec}


@pytest.mark.parametrize(
    ("key", "value"), [*((key, value) for key, value, _ in ACCEPTED), ("unique", True), ("id", "x")]
)
def test_what_was_read_can_be_said_to_another_node(key: str, value: object) -> None:
    asked = read_asked({"type": "a", key: value})
    assert read_asked(say_asked(asked)) == asked


@pytest.mark.parametrize(("key", "value", "words"), REFUSED)
def test_what_it_may_not_say_is_refused_by_name(key: str, value: object, words: list[str]) -> None:
    with pytest.raises(MalformedError) as caught:
        read_asked({"type": "a", key: value})
    assert caught.value.code == "bad_job"
    sentence = str(caught.value)
    assert all(word in sentence for word in [*words, "expected", "found"]), sentence
    assert key in sentence


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"type": "a", "id": "-1"}, "id"),
        ({"type": "a", "id": 7}, "id"),
        ({"type": "a", "id": ""}, "id"),
        ({"type": "a", "id": None}, "id"),
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": "a b"}, "type"),
        ({"type": "a" * 65}, "type"),
        ({"type": "a", "after": [""]}, "after"),
        ({"type": "a", "after": [[[], "run"]]}, "after"),
        ({"type": "a", "after": [{"otherwise": "run"}]}, "after"),
        ({"type": "a", "inputs": [1]}, "inputs"),
        ({"type": "a", "takes": {"a/b": 1}}, "takes"),
        ({"type": "a", "takes": {1: 1, "a": 1}}, "takes"),
    ],
)
def test_what_is_no_name_is_refused(said: Mapping[str, Any], what: str) -> None:
    with pytest.raises(MalformedError, match=f"^{what}: expected 1 to 64 letters") as caught:
        read_asked(said)
    assert caught.value.code == "bad_name"


@pytest.mark.parametrize("said", [None, [], "a", 1])
def test_what_is_no_map_is_no_job(said: Any) -> None:
    with pytest.raises(MalformedError, match="a job: expected a map"):
        read_asked(said)


def test_a_job_has_one_time_at_which_it_may_begin() -> None:
    with pytest.raises(MalformedError, match="command: expected either it or args"):
        read_asked({"type": "a", "command": {"argv": ["true"]}, "args": {}})
    with pytest.raises(MalformedError, match="command: expected either it or inputs"):
        read_asked({"type": "a", "command": {"argv": ["true"]}, "after": ["x"], "inputs": ["x"]})
    with pytest.raises(MalformedError, match="delay_ms: expected either it or due_ms"):
        read_asked({"type": "a", "delay_ms": 1, "due_ms": 1})


def test_inputs_are_of_jobs_that_it_waits_for() -> None:
    asked = read_asked({"type": "a", "after": ["p", "q"], "inputs": ["q"]})
    assert asked.spec["inputs"] == ["q"]
    with pytest.raises(MalformedError, match="inputs: expected jobs that are named in after"):
        read_asked({"type": "a", "after": ["p"], "inputs": ["q"]})


@pytest.mark.parametrize(
    ("args", "after", "inputs"),
    [
        ({"x": {"$result-of": "a"}}, [["a", "fail"]], ["a"]),
        ([{"$result-of": "b"}, [{"$result-of": "a"}], {"$result-of": "b"}],
         [["b", "fail"], ["a", "fail"]], ["b", "a"]),
        ({"$result-of": "a"}, [["a", "fail"]], ["a"]),
        ({"x": {"$result-of": "a", "y": 1}}, None, None),
        ({"x": "$result-of"}, None, None),
    ],
)  # fmt: skip
def test_a_job_waits_for_those_whose_results_stand_in_its_arguments(
    args: object, after: object, inputs: object
) -> None:
    spec = read_asked({"type": "t", "args": args}).spec
    assert (spec.get("after"), spec.get("inputs")) == (after, inputs)


def test_what_was_said_of_an_edge_holds_though_its_result_is_wanted() -> None:
    said = {"type": "t", "args": {"$result-of": "a"}, "after": [["a", "run"], "b"]}
    spec = read_asked({**said, "inputs": ["b"]}).spec
    assert spec["after"] == [["a", "run"], ["b", "fail"]]
    assert spec["inputs"] == ["b", "a"]
    assert read_asked(say_asked(read_asked(said))) == read_asked(said)


@pytest.mark.parametrize("job", [5, None, "", "no name", ["a"], {"a": 1}])
def test_what_can_be_no_job_has_no_result(job: object) -> None:
    with pytest.raises(MalformedError, match=r"args: \$result-of"):
        read_asked({"type": "t", "args": [{"$result-of": job}]})


def test_results_of_too_many_jobs_are_refused() -> None:
    args = [{"$result-of": f"j{number}"} for number in range(JOB_PARENTS_MAX + 1)]
    with pytest.raises(LimitExceededError, match="number of parents"):
        read_asked({"type": "t", "args": args})


def test_arguments_have_a_largest_size() -> None:
    read_asked({"type": "a", "args": "x" * (JOB_ARGS_MAX_BYTES - 2)})
    with pytest.raises(LimitExceededError, match="arguments in bytes"):
        read_asked({"type": "a", "args": "x" * (JOB_ARGS_MAX_BYTES - 1)})


@pytest.mark.parametrize("unique", [True, {}, {"window_ms": 5}])
def test_a_unique_job_without_a_key_is_known_by_type_and_arguments(unique: object) -> None:
    def key(kind: str, **said: Any) -> str:
        asked = read_asked({"type": kind, "unique": unique, **said})
        found: str = asked.spec["unique"]["key"]
        return found

    assert key("a", args=[1]) == key("a", args=[1], priority=5) == key("a", args=RawJson(b"[ 1 ]"))
    assert len({key("a", args=[1]), key("b", args=[1]), key("a", args=[2]), key("a")}) == 4


DEFAULTS = read_defaults(
    "defaults.a",
    {"retries": 3, "delay_ms": 5, "unique": True, "limits": {"wall": "1s", "processes": 8}},
)


@pytest.mark.parametrize(
    ("said", "spec"),
    [
        ({}, {}),
        ({"retries": 0, "priority": 2}, {"retries": 0, "priority": 2}),
        ({"limits": {"wall_ms": 7}}, {"limits": {"wall_ms": 7, "processes": 8}}),
        ({"limits": {"processes": 1_000}}, {"limits": {"wall_ms": 1_000, "processes": 1_000}}),
        ({"delay_ms": 9}, {"delay_ms": 9}),
        ({"due_ms": 9}, {"due_ms": 9, "delay_ms": None}),
        ({"unique": "k"}, {"unique": {"key": "k"}}),
        ({"unique": False}, {"unique": None}),
    ],
)
def test_what_a_job_does_not_say_is_as_its_type_has_it(
    said: dict[str, Any], spec: dict[str, Any]
) -> None:
    asked = read_asked({"type": "a", "args": [1], **said})
    by_itself = {
        "args": RawJson(b"[1]"),
        "retries": 3,
        "delay_ms": 5,
        "limits": {"wall_ms": 1_000, "processes": 8},
        "unique": read_asked({"type": "a", "args": [1], "unique": True}).spec["unique"],
    }
    expected = {key: value for key, value in (by_itself | spec).items() if value is not None}
    assert with_defaults(asked, DEFAULTS).spec == expected
    assert DEFAULTS["unique"] == {}, "it was changed"


def test_what_is_not_unique_says_nothing_more_of_it() -> None:
    asked = read_asked({"type": "a", "unique": False})
    assert with_defaults(asked, {}).spec == {}


def test_nothing_is_added_that_was_not_said() -> None:
    asked = read_asked({"type": "a"})
    assert (asked.id, asked.type, asked.spec, asked.is_new) == ("", "a", {}, False)
    assert backoff_of(asked.spec).base_ms == 1_000
    assert backoff_of({"backoff": {"base_ms": 5}}).base_ms == 5
