"""Ids of jobs: ULIDs in lower case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.job_id import ENTROPY_BYTES, check_name, is_made_id, make_job_id

TIMES_MS = st.integers(0, 2**48 - 1)
ENTROPIES = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# From the ULID specification: its example, and the largest one that there is.
VECTORS = [
    (1_469_918_176_385, "01ARYZ6S41TSV4RRFFQ69G5FAV"),
    (2**48 - 1, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
    (0, "00000000000000000000000000"),
]


def number_of(ulid: str) -> int:
    number = 0
    for char in ulid:
        number = number * 32 + ALPHABET.index(char.upper())
    return number


@pytest.mark.parametrize(("now_ms", "ulid"), VECTORS)
def test_an_id_is_the_ulid_of_the_specification(now_ms: int, ulid: str) -> None:
    entropy = (number_of(ulid) & (2**80 - 1)).to_bytes(ENTROPY_BYTES)
    assert make_job_id(now_ms, entropy) == ulid.lower()


@given(TIMES_MS, ENTROPIES)
def test_an_id_says_its_time_and_its_chance(now_ms: int, entropy: bytes) -> None:
    job = make_job_id(now_ms, entropy)
    assert number_of(job) == (now_ms << 80) + int.from_bytes(entropy)
    assert is_made_id(job)
    assert check_name(job, "id") == job


@given(st.tuples(TIMES_MS, ENTROPIES), st.tuples(TIMES_MS, ENTROPIES))
def test_ids_sort_by_time_and_are_others_where_time_or_chance_is(
    one: tuple[int, bytes], other: tuple[int, bytes]
) -> None:
    assert (make_job_id(*one) < make_job_id(*other)) == (one < other)
    assert (make_job_id(*one) == make_job_id(*other)) == (one == other)


@pytest.mark.parametrize(
    "job",
    ["", "job-1", "8" + "0" * 25, "0" * 25, "0" * 27, "0" * 25 + "u", "01ARYZ6S41TSV4RRFFQ69G5FAV"],
)
def test_what_nobody_has_made_does_not_look_made(job: str) -> None:
    assert not is_made_id(job)


@pytest.mark.parametrize("name", ["a", "A1", "_", "0", "a.b-c_d", "x" * 64])
def test_a_name_is_a_name(name: str) -> None:
    assert check_name(name, "type") == name


@pytest.mark.parametrize(
    "name", ["", ".a", "-a", "a/b", "a b", "ü", "a\n", "x" * 65, None, 1, b"a", ["a"]]
)
def test_anything_else_is_none(name: str) -> None:
    with pytest.raises(MalformedError, match="type: expected 1 to 64 letters") as caught:
        check_name(name, "type")
    assert caught.value.code == "bad_name"
    assert len(str(caught.value)) < 300


def test_what_is_too_long_is_said_to_be() -> None:
    with pytest.raises(MalformedError, match="found 65 characters that begin with 'xxx"):
        check_name("x" * 65, "type")
