"""Limits, as JSON has them and as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.limits import Limits, parse_size, read_limits
from seriatim.formats.limits import (
    INTERVAL_MAX_MS,
    JOB_FILES_MAX,
    JOB_FILES_MIN,
    JOB_MEMORY_MAX_BYTES,
    JOB_OUTPUT_MAX_BYTES,
    JOB_PROCESSES_DEFAULT,
    JOB_PROCESSES_MAX,
)

LIMITS = st.builds(
    Limits,
    wall_ms=st.none() | st.integers(1, INTERVAL_MAX_MS),
    cpu_ms=st.none() | st.integers(1, INTERVAL_MAX_MS),
    memory_bytes=st.none() | st.integers(1, JOB_MEMORY_MAX_BYTES),
    output_bytes=st.integers(0, JOB_OUTPUT_MAX_BYTES),
    processes=st.integers(1, JOB_PROCESSES_MAX),
    files=st.none() | st.integers(JOB_FILES_MIN, JOB_FILES_MAX),
)


@given(LIMITS)
def test_limits_come_back_from_json(limits: Limits) -> None:
    plain = limits.to_plain()
    assert read_limits(plain) == limits
    assert None not in plain.values()


def test_limits_are_read_as_people_write_them() -> None:
    said = {"wall": "1h30m", "cpu": "30s", "memory": "512MB", "output": "64KiB", "files": 64}
    assert read_limits(said) == Limits(
        5_400_000, 30_000, 512_000_000, 65_536, JOB_PROCESSES_DEFAULT, 64
    )
    assert read_limits({}) == Limits()


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("12 b", 12), ("3kB", 3_000), ("1 GiB", 1 << 30), ("2TB", 2 * 10**12)],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([], "limits: expected a map"),
        ({"ram": 1}, "limits: expected some of"),
        ({"wall_ms": 1, "wall": "1s"}, "limits.wall: expected nothing beside wall_ms"),
        ({"wall_ms": 0}, "limits.wall_ms: expected 1 to 315360000000 milliseconds, found"),
        ({"memory": "0"}, f"limits.memory: expected 1 to {JOB_MEMORY_MAX_BYTES} bytes, found"),
        ({"processes": 0}, f"limits.processes: expected 1 to {JOB_PROCESSES_MAX}, found"),
        ({"wall_ms": True}, "limits.wall_ms: expected a whole number"),
        ({"wall_ms": "1"}, "limits.wall_ms: expected a whole number"),
        ({"wall": "soon"}, "limits.wall: expected a time"),
        ({"wall": 5}, "limits.wall: expected a time"),
        ({"memory": "12 parsecs"}, "limits.memory: expected a size"),
        ({"memory": "1.5GB"}, "limits.memory: expected a size"),
        ({"memory": "-1"}, "limits.memory: expected a size"),
        ({"memory": "9999999999999999TB"}, "limits.memory: expected 1 to"),
        ({"files": JOB_FILES_MIN - 1}, "limits.files: expected"),
        ({"processes": None}, "limits.processes: expected a whole number"),
    ],
)
def test_an_error_names_the_key(said: Any, named: str) -> None:
    with pytest.raises(MalformedError) as raised:
        read_limits(said)
    assert raised.value.code == "bad_limits"
    assert str(raised.value).startswith(named)
