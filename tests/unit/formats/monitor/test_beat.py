"""Beats as bytes: what comes back is what was kept, and none is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import BEAT_MAX_BYTES, JOB_NOTE_MAX_CHARS, WORKER_ROOM_MAX
from seriatim.formats.monitor.beat import Beat, decode_beat, encode_beat
from tests.support.statuses import status_of

JOBS = st.lists(
    st.builds(
        RunningJob,
        st.text("abc", min_size=1, max_size=64),
        st.just("render"),
        st.integers(0, 2**53),
        st.floats(0, 1),
        st.text(max_size=JOB_NOTE_MAX_CHARS),
    ),
    max_size=5,
)


@given(JOBS, st.integers(0, 2**53), st.booleans())
def test_a_beat_comes_back(jobs: list[RunningJob], heard_ms: int, has_left: bool) -> None:
    beat = Beat(status_of("w", 3, *jobs, has_left=has_left), heard_ms)
    found = decode_beat(encode_beat(beat))
    assert found == beat._replace(status=beat.status._replace(running=list(jobs)))


def test_a_busy_worker_with_much_to_say_is_kept_without_the_notes() -> None:
    note = "ü" * JOB_NOTE_MAX_CHARS
    jobs = [RunningJob("j" * 64, "t" * 64, 2**53, 0.123456789, note)] * WORKER_ROOM_MAX
    raw = encode_beat(Beat(status_of("w", 1, *jobs), 1))
    assert len(raw) <= BEAT_MAX_BYTES
    assert decode_beat(raw).status.running == [job._replace(note="") for job in jobs]


def test_what_is_longer_still_is_kept_without_its_jobs() -> None:
    jobs = [RunningJob("j" * 64, "t" * 64, 1)] * (2 * WORKER_ROOM_MAX)
    raw = encode_beat(Beat(status_of("w", 1, *jobs), 1))
    assert decode_beat(raw).status.running == []


def test_a_worker_whose_types_are_too_long_is_kept_without_them() -> None:
    """Else one that says so would have the beats of others fail, which are kept with its own."""
    status = status_of("w", 1, types=["t" * BEAT_MAX_BYTES], running=[])
    raw = encode_beat(Beat(status, 1))
    assert len(raw) <= BEAT_MAX_BYTES
    assert decode_beat(raw).status == status._replace(types=[])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"heard_ms":1,"status":{"worker":"w"}}'])
def test_a_damaged_beat_is_named(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_beat(raw)
    assert caught.value.code == "bad_beat"
