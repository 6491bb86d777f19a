"""One child, whose calls follow each other without a moment between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.stop import Stop
from seriatim.actors.executor.warm_child import Call, WarmChild
from seriatim.actors.executor.world import World, inherited
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.jobs.limits import Limits
from tests.support.executing import FUNCTIONS
from tests.support.unanswered import unanswered

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_the_end_of_one_call_is_not_taken_for_that_of_the_next(run: Run) -> None:
    def add(first: int, second: int) -> Call:
        arguments = orjson.dumps({"args": [first, second]})
        printed = bytearray()
        return Call(
            f"{FUNCTIONS}:add",
            arguments,
            Limits(),
            {"job": "a job"},
            output=printed.extend,
            stopping=Stop(),
            said=lambda _: None,
            answer=unanswered,
        )

    async def main() -> None:
        child = await WarmChild.start(World(ManualClock(), inherited(os.environ), Keepers(0)))
        outcomes = [await child.run(add(number, 1)) for number in range(3)]
        await child.end()
        assert [each.result for each in outcomes] == [b"1", b"2", b"3"], outcomes

    run(main())
