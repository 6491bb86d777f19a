"""Another node's errors, read back: the kind by the status, the code and the sentence its own."""

from __future__ import annotations

import orjson
import pytest

from seriatim.formats.errors import (
    NoNodeError,
    NotFoundError,
    NotUploadedError,
    OverloadedError,
    RefusedError,
    SchedulerError,
    SlotConflictError,
    StoppingError,
    TakenError,
    UnavailableError,
)
from seriatim.formats.limits import REASON_MAX_CHARS
from seriatim.gateway.problems import Problem
from seriatim.gateway.reply import check_status, read_reply


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotUploadedError(process="p", slot=1, reason="away"), UnavailableError),
        (OverloadedError("a queue", retry_after_ms=1), UnavailableError),
        (StoppingError("stopping"), UnavailableError),
        (NotFoundError("nothing"), NotFoundError),
        (RefusedError("no", code="id_taken"), RefusedError),
        (TakenError("it is another job's"), TakenError),
        (SlotConflictError(process="p", expected=7, given=5), UnavailableError),
    ],
)
def test_an_error_comes_back_with_its_code(
    error: SchedulerError, kind: type[SchedulerError]
) -> None:
    problem = Problem(error)
    with pytest.raises(kind) as caught:
        check_status("http://node", problem.status, problem.encode())
    assert (caught.value.code, str(caught.value)) == (error.code, str(error))
    assert caught.value.retryable == error.retryable


@pytest.mark.parametrize("code", ["x\r\nset-cookie: a=b", "", "Bad Code", "x" * 65, 7, None])
@pytest.mark.parametrize("status", [400, 404, 409, 503])
def test_a_code_that_is_none_gets_into_no_header(status: int, code: object) -> None:
    raw = orjson.dumps({"code": code, "detail": "x" * 10_000})
    with pytest.raises(SchedulerError) as caught:
        check_status("http://node", status, raw)
    assert caught.value.code == type(caught.value).code
    assert len(str(caught.value)) <= REASON_MAX_CHARS


@pytest.mark.parametrize("status", [500, 503])
def test_an_error_without_a_code_is_unavailable(status: int) -> None:
    with pytest.raises(UnavailableError) as caught:
        check_status("http://node", status, b'{"error":"legacy sentence"}')
    assert (caught.value.code, str(caught.value)) == ("unavailable", "legacy sentence")


@pytest.mark.parametrize(
    ("status", "kind"), [(200, NoNodeError), (404, NoNodeError), (502, UnavailableError)]
)
def test_who_answers_no_json_is_no_node_or_stands_before_one_that_is_away(
    status: int, kind: type[SchedulerError]
) -> None:
    with pytest.raises(UnavailableError, match="no scheduler node") as caught:
        read_reply("http://node", status, b"<html>")
    assert type(caught.value) is kind
