"""What a child asks while it runs, and how it is answered: bounded, and typed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Self

import pytest

from seriatim.actors.app.worker_jobs import answer_child
from seriatim.actors.executor.answering import Answering
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


class Asking:
    """An `Asker` of many threads, which hear what a test answers; in the end, nobody is there."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._answers: SimpleQueue[list[Any] | None] = SimpleQueue()
        self.asker = Asker(lambda asked: self.asked.append(asked[0]), self._answers.get)
        self._threads = ThreadPoolExecutor(2 * CHILD_ASKS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _each in range(2 * CHILD_ASKS_MAX):
            self._answers.put(None)
        self._threads.shutdown()

    def ask(self) -> Future[str]:
        return self._threads.submit(self.asker.ask, "show", {})

    def answer(self, number: int) -> None:
        self._answers.put([number, None, f"answer {number}"])


async def test_who_waits_gets_its_own_answer_in_whatever_order_they_come() -> None:
    with Asking() as asking:
        first = asking.ask()
        await until(lambda: asking.asked == [1])
        second = asking.ask()
        await until(lambda: asking.asked == [1, 2])
        asking.answer(2)
        assert await asyncio.wrap_future(second) == "answer 2"
        assert not first.done()
        asking.answer(1)
        assert await asyncio.wrap_future(first) == "answer 1"


async def test_who_is_one_too_many_asks_when_another_one_has_its_answer() -> None:
    with Asking() as asking:
        answers = [asking.ask() for _ in range(CHILD_ASKS_MAX + 1)]
        waiting = asking.asker._room._cond._waiters  # type: ignore[attr-defined]  # nobody else knows
        await until(lambda: len(waiting) == 1)
        assert sorted(asking.asked) == [*range(1, CHILD_ASKS_MAX + 1)]
        asking.answer(1)
        await until(lambda: len(asking.asked) == CHILD_ASKS_MAX + 1)
        for number in range(2, CHILD_ASKS_MAX + 2):
            asking.answer(number)
        assert {each.result() for each in answers} == {
            f"answer {number}" for number in range(1, CHILD_ASKS_MAX + 2)
        }


async def test_a_worker_does_what_its_children_may_ask_and_nothing_else() -> None:
    access: Any = None  # it is not asked
    with pytest.raises(MalformedError, match="purge"):
        await answer_child(access, "purge", {})
    with pytest.raises(LimitExceededError):
        await answer_child(access, "submit", {"queue": "q", "jobs": b" " * (BODY_MAX_BYTES + 1)})
