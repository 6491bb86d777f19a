"""What a child asks while it runs, and how it is answered: bounded, and typed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from seriatim.actors.app.worker_jobs import answer_child
from seriatim.actors.executor.answering import Answering, unanswered
from seriatim.actors.executor.asking import Asker
from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    StoppingError,
    TakenError,
    UnavailableError,
)
from seriatim.formats.limits import BODY_MAX_BYTES, CHILD_ASKS_MAX
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def asked_and_answered(error: Exception) -> Any:
    """Return what a child is told, whose worker raises *error*."""
    sent: list[Any] = []

    async def refuse(verb: str, said: Mapping[str, Any]) -> Any:
        raise error

    Answering(refuse, sent.append).hear([1, "submit", {}])
    await until(lambda: bool(sent))
    return Asker(lambda _: None, sent.pop).ask("submit", {})


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (TakenError("another one"), TakenError, "conflict"),
        (NotFoundError("none"), NotFoundError, "not_found"),
        (MalformedError("bad", code="bad_job"), MalformedError, "bad_job"),
        (StoppingError("it stops"), UnavailableError, "stopping"),
        (LimitExceededError("it", given=2, maximum=1), RefusedError, "limit_exceeded"),
        (RefusedError("no", code="no_such_token"), RefusedError, "no_such_token"),
        (ZeroDivisionError("of ours"), UnavailableError, "unavailable"),
    ],
)
async def test_an_error_comes_as_what_it_is(
    error: Exception, kind: type[SchedulerError], code: str
) -> None:
    with pytest.raises(kind) as raised:
        await asked_and_answered(error)
    assert (type(raised.value), raised.value.code) == (kind, code)


async def test_what_is_no_question_is_refused_and_so_is_one_too_many() -> None:
    sent: list[Any] = []

    async def wait(verb: str, said: Mapping[str, Any]) -> Any:
        await asyncio.Event().wait()

    answering = Answering(wait, sent.append)
    for wrong in (None, [], [1, "verb"], ["1", "verb", {}], [1, 2, {}], [1, "verb", []]):
        with pytest.raises(MalformedError):
            answering.hear(wrong)
    for number in range(CHILD_ASKS_MAX):
        answering.hear([number, "verb", {}])
    with pytest.raises(MalformedError, match="too many"):
        answering.hear([CHILD_ASKS_MAX, "verb", {}])
    answering.close()
    await asyncio.sleep(0)
    assert not sent


async def test_a_worker_that_is_gone_is_waited_for_no_more() -> None:
    with pytest.raises(UnavailableError, match="gone"):
        Asker(lambda _: None, lambda: None).ask("submit", {})


async def test_who_runs_functions_of_no_app_submits_nothing() -> None:
    with pytest.raises(RefusedError) as raised:
        await unanswered("submit", {})
    assert raised.value.code == "not_open"


async def test_a_worker_does_what_its_children_may_ask_and_nothing_else() -> None:
    access: Any = None  # it is not asked
    with pytest.raises(MalformedError, match="purge"):
        await answer_child(access, "purge", {})
    with pytest.raises(LimitExceededError):
        await answer_child(access, "submit", {"queue": "q", "jobs": b" " * (BODY_MAX_BYTES + 1)})
