"""The log as JSON: each line is an object, and each step of a job has its ids."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.actors.queue.log_lines import log_slot
from seriatim.gateway.cli.json_lines import JsonLines, log_as

EVENTS: list[dict[str, Any]] = [
    {"event": "submitted", "id": "a", "type": "t", "spec": {"command": ["ls", "-l"]}},
    {"event": "granted", "worker": "w", "jobs": ["a", "b"]},
    {"event": "failed", "id": "a", "token": 5, "code": "raised", "reason": "x"},
    {"event": "settings", "change": {}},
]


@pytest.fixture
def jobs_log() -> Iterator[logging.Logger]:
    log = logging.getLogger("seriatim.jobs")
    yield log
    log.setLevel(logging.NOTSET)


def test_every_step_of_a_job_is_a_line_with_its_ids(
    jobs_log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    jobs_log.setLevel(logging.INFO)
    log_slot("films", 7, EVENTS)
    lines = [orjson.loads(JsonLines().format(record)) for record in caplog.records]
    ids = {"queue": "films", "slot": 7, "logger": "seriatim.jobs", "level": "INFO"}
    steps = [{key: line.get(key) for key in ("event", "job", "worker", "code")} for line in lines]
    assert all(ids.items() <= line.items() for line in lines)
    assert steps == [
        {"event": "submitted", "job": "a", "worker": None, "code": None},
        {"event": "granted", "job": "a", "worker": "w", "code": None},
        {"event": "granted", "job": "b", "worker": "w", "code": None},
        {"event": "failed", "job": "a", "worker": None, "code": "raised"},
    ]
    assert lines[0]["command"] == ["ls", "-l"]
    assert lines[3]["message"] == "job a of queue films: failed"


def test_a_log_that_nobody_reads_has_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    log_slot("films", 7, EVENTS)
    assert caplog.records == []


@given(st.text(), st.one_of(st.none(), st.text(), st.binary(), st.floats(allow_nan=False)))
def test_any_record_is_one_line_of_json(message: str, value: object) -> None:
    record = logging.makeLogRecord({"msg": message, "name": "x", "levelname": "INFO", "own": value})
    line = JsonLines().format(record)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["message"], said["logger"]) == (message, "x")
    assert "own" in said


def test_an_exception_is_said_too() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    line = JsonLines().format(logging.makeLogRecord({"msg": "m", "exc_info": info}))
    assert "ValueError: why" in json.loads(line)["exception"]


@pytest.mark.parametrize("as_json", [True, False])
def test_the_log_is_set_up(
    jobs_log: logging.Logger, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    root = logging.RootLogger(logging.WARNING)
    monkeypatch.setattr(logging, "root", root)
    log_as(as_json=as_json)
    [handler] = root.handlers
    assert isinstance(handler.formatter, JsonLines) is as_json
    assert jobs_log.isEnabledFor(logging.INFO) is as_json
