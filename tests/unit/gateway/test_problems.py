"""What errors look like from outside."""

from __future__ import annotations

import logging

import orjson
import pytest

from seriatim.formats import errors
from seriatim.formats.errors import (
    ChildFailedError,
    DeadlineExceededError,
    LimitExceededError,
    OverloadedError,
    SchedulerError,
    StoppingError,
    StoreError,
)
from seriatim.gateway.problems import Problem, status_of


def every_class(root: type[SchedulerError] = SchedulerError) -> list[type[SchedulerError]]:
    return [root, *(each for child in root.__subclasses__() for each in every_class(child))]


STATUSES = {
    "SchedulerError": 500,
    "FormatError": 400,
    "MalformedError": 400,
    "LimitExceededError": 413,
    "CommitmentError": 400,
    "BadSignatureError": 400,
    "WeakKeyError": 400,
    "UnsignedError": 400,
    "ChainBrokenError": 400,
    "DivergedError": 502,
    "GapError": 502,
    "ForkError": 502,
    "RewrittenError": 502,
    "TamperedError": 502,
    "RefusedError": 400,
    "ForeignSchedulerError": 400,
    "ElsewhereError": 307,
    "FollowedError": 307,
    "ForwardLoopError": 508,
    "UnauthorizedError": 401,
    "WrongMethodError": 405,
    "OutboundError": 400,
    "TakenError": 409,
    "ConflictError": 409,
    "SlotConflictError": 409,
    "NotFoundError": 404,
    "UnsupportedError": 501,
    "UnsupportedSchemeError": 422,
    "DisabledError": 501,
    "NotVerifiableError": 501,
    "FoldError": 422,
    "JobError": 422,
    "UnavailableError": 503,
    "NoNodeError": 503,
    "OverloadedError": 429,
    "QueueFullError": 429,
    "StoppingError": 503,
    "DeadlineExceededError": 504,
    "NotUploadedError": 503,
    "ActorDeadError": 503,
    "ChildFailedError": 503,
    "ChildDiedError": 503,
    "StoreError": 503,
    "StoreLockedError": 503,
    "StoreVersionError": 503,
    "CorruptRecordError": 503,
}


def test_every_error_of_the_tree_has_the_status_that_is_promised() -> None:
    ours = [each for each in every_class() if each.__module__.startswith(errors.__name__)]
    assert {each.__name__: status_of(each) for each in ours} == STATUSES


@pytest.mark.parametrize("kind", [each for each in every_class() if each.retryable])
def test_what_may_be_sent_again_later_is_no_fault_of_the_client(kind: type[SchedulerError]) -> None:
    assert status_of(kind) in (409, 429, 503, 504)


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [
        (OverloadedError("the queue", retry_after_ms=1), 429, "1"),
        (OverloadedError("the queue", retry_after_ms=2_001), 429, "3"),
        (StoppingError("stopping"), 503, "1"),
        (DeadlineExceededError("the server", deadline_ms=5), 504, "1"),
    ],
)
def test_not_now_says_when(error: SchedulerError, status: int, seconds: str) -> None:
    problem = Problem(error)
    assert (problem.status, problem.headers["retry-after"]) == (status, seconds)


def test_never_is_said_without_a_time() -> None:
    assert "retry-after" not in Problem(LimitExceededError("body", given=2, maximum=1)).headers


def test_a_problem_is_rfc_9457_json_with_a_stable_code() -> None:
    problem = Problem(LimitExceededError("body", given=2, maximum=1))
    assert orjson.loads(problem.encode()) == {
        "type": "urn:seriatim:error:limit_exceeded",
        "title": "limit exceeded",
        "status": 413,
        "code": "limit_exceeded",
        "detail": "body is 2; at most 1 is allowed",
    }
    assert problem.headers == {"seriatim-error": "limit_exceeded"}


@pytest.mark.parametrize(
    "error",
    [
        StoreError("/srv/data/log: mdb_txn_commit: Input/output error"),
        ChildFailedError("the writer", kind="StoreError", reason="/srv/data/log: x", code="store"),
    ],
)
def test_what_ails_the_data_folder_is_in_the_log_and_its_path_on_no_wire(
    error: SchedulerError, caplog: pytest.LogCaptureFixture
) -> None:
    problem = Problem(error)
    assert (problem.status, problem.code) == (503, "store")
    assert b"/srv" not in problem.encode()
    assert "/health" in problem.detail
    assert "/srv/data/log" in caplog.text


def test_a_fault_of_our_own_tells_a_stranger_nothing_and_the_log_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "seriatim.gateway"):
        problem = Problem(ValueError("secret\n2026-01-01 INFO forged line\x1b[2J" + "x" * 900))
    assert (problem.status, problem.code) == (500, "internal")
    assert b"secret" not in problem.encode()
    (record,) = caplog.records
    said = record.getMessage()
    assert "ValueError" in said
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 300
    assert record.exc_info is None
