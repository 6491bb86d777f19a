"""A job and the row that it is on disk: the one is the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.job import Failure, Job, Order, decode_row, encode_row, key_token
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.rows import ended_at, ended_path, job_path, output_path, output_prefix
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)  # fmt: skip
NUMBERS = st.integers(0, 2**40)
SAID = st.fixed_dictionaries(
    {"type": st.just("a")},
    optional={
        "args": VALUES,
        "priority": st.integers(-9, 9),
        "due_ms": st.integers(0, 9),
        "after": st.just([["p", "run"]]),
        "key": st.just("k"),
        "takes": st.just({"gpu": 2}),
        "backoff": st.just({"factor": 3}),
    },
)
FAILURES = st.lists(
    st.builds(
        Failure,
        st.integers(0, 9),
        NUMBERS,
        st.sampled_from(["", "w"]),
        NUMBERS,
        st.just("raised"),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.dictionaries(st.sampled_from(["exit_code", "output"]), VALUES),
    ),
    min_size=1,
    max_size=3,
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-9, 9),
        "due_ms": NUMBERS,
        "ended_ms": NUMBERS,
        "tries": NUMBERS,
        "crashes": NUMBERS,
        "is_local": st.booleans(),
        "cancelling": st.sampled_from(["", "as told"]),
        "waits": st.sets(st.sampled_from("pqr"), min_size=1),
        "failures": FAILURES,
        "result": VALUES.map(dump_json),
        "outcome": st.just({"exit_code": 0}),
    },
)
ATTEMPTS = st.none() | st.tuples(st.integers(0, 9), NUMBERS, st.integers(1, 9), st.just("w"))


def plain(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in Job.__slots__}


@given(SAID, st.sampled_from(JobState), CHANGES, ATTEMPTS)
def test_a_row_is_read_back_as_the_job_that_it_was(
    said: dict[str, Any],
    state: JobState,
    changes: dict[str, Any],
    attempt: tuple[int, int, int, str] | None,
) -> None:
    job = Job("one", "a", read_asked(said).spec, Order(3, 4), 5, state)
    for name, value in changes.items():
        setattr(job, name, value)
    if not job.failures:  # each of those is one, and some are kept
        job.tries = job.crashes = 0
    if attempt is not None:
        job.attempt, job.started_ms, job.token, job.worker = attempt
    row = encode_row(job)
    found = decode_row(row)
    assert plain(found) == plain(job)
    assert encode_row(found) == row


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"id":"a","type":"a","spec":{},"order":[1],"state":"pending","submitted_ms":1}',
        b'{"id":"a","type":"a","spec":{},"order":[1,2],"state":"new","submitted_ms":1}',
        b'{"id":"a","type":"a","spec":7,"order":[1,2],"state":"pending","submitted_ms":1}',
        b'{"id":"a","type":"a","spec":{},"order":[1,2],"state":"done","submitted_ms":1,"failures":7}',
        b'{"id":"a","type":"a","spec":{},"order":[1,2],"state":"done","submitted_ms":1,"waits":7}',
    ],
)
def test_a_damaged_row_is_an_error_and_no_job(raw: bytes) -> None:
    with pytest.raises(MalformedError, match="a damaged row") as caught:
        decode_row(raw)
    assert caught.value.code == "bad_row"


def test_a_job_takes_what_it_says_and_one_of_its_key() -> None:
    def takes(**said: Any) -> tuple[tuple[str, int], ...]:
        spec = read_asked({"type": "a", **said}).spec
        return Job("one", "a", spec, Order(1, 0), 1, JobState.PENDING).takes

    assert takes() == ()
    assert takes(takes={"gpu": 2}) == (("gpu", 2),)
    assert takes(key="k") == ((key_token("a", "k"), 1),)
    assert takes(takes={"gpu": 2}, key="k") == (("gpu", 2), ("a/k", 1))


def test_a_job_says_what_it_is() -> None:
    job = Job("one", "a", {}, Order(1, 0), 1, JobState.PENDING)
    assert repr(job) == "<Job one of a: pending>"
    assert (job.lease_ms, job.retries, job.crashes_max, job.is_command) == (30_000, 0, 3, False)


def test_rows_of_what_has_ended_stand_in_the_order_of_its_end() -> None:
    names = [ended_path("mail", at_ms, slot)[-1] for at_ms, slot in [(9, 99), (10, 2), (10, 11)]]
    assert names == sorted(names)
    assert [ended_at(name) for name in names] == [9, 10, 10]


def test_what_jobs_have_printed_stands_apart_from_jobs() -> None:
    name = output_path("mail", "one", 7, 3)[-1]
    assert name.startswith(output_prefix("one"))
    assert not name.startswith(output_prefix("on"))
    assert output_path("mail", "one", 7, 3)[:-1] != job_path("mail", JobState.DONE, "one")[:-1]


def test_json_goes_through_as_it_is() -> None:
    raw = RawJson(b'{"a": 1}')
    assert dump_json([raw]) == b'[{"a": 1}]'
    assert raw == RawJson(b'{"a": 1}')
    assert raw != b'{"a": 1}'
    assert hash(raw) == hash(RawJson(b'{"a": 1}'))
    assert repr(raw) == """RawJson(b'{"a": 1}')"""
    assert dump_json(Order(1, 2)) == b"[1,2]"
    with pytest.raises(TypeError, match="serializable"):
        dump_json(object())
