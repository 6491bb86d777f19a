"""What goes into a job and comes out of it is what was meant, or is refused: nothing in between."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.formats.errors import DeadlineExceededError, JobError, MalformedError
from seriatim.testing import rehearse
from tests.support.sample_app import Picture

pytestmark = pytest.mark.asyncio

app = seriatim.App()


@app.job
async def half(number: float | None) -> float | None:
    return None if number is None else number / 2


@app.job
async def first(numbers: list[Any]) -> Any:
    return numbers[0]


@app.job
async def grown() -> Any:
    return [1.0, {"most": math.inf}]


@app.job
async def liar(value: Any) -> Picture:
    return value  # type: ignore[no-any-return]  # that is the point


@app.job
async def silent() -> int:
    return None  # type: ignore[return-value]  # as above


@app.job
async def counted(words: list[str]) -> dict[int, list[str]]:
    return {len(word): [word] for word in words}


@app.job
async def never() -> None: ...


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_a_number_that_json_has_not_is_refused_where_it_is_submitted(
    tmp_path: Path, number: float
) -> None:
    async with rehearse(app, tmp_path):
        for submitted in (half.submit(number), first.submit([None, {"deep": [number]}])):
            with pytest.raises(MalformedError, match="finite") as raised:
                await submitted
            assert raised.value.code == "bad_args"
        nothing, text = await half.submit(None), await first.submit(["null", None])
        assert (await nothing, await text) == (None, "null")


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (grown.prepare, "finite"),
        (lambda: liar.prepare({"name": 3}), "declares.*str"),
        (silent.prepare, "declares.*int"),
    ],
)
async def test_a_result_that_is_none_is_a_failure_of_the_job(
    tmp_path: Path, job: Any, reason: str
) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        [handle] = await app.submit(job())
        await rehearsal.drain()
        with pytest.raises(JobError, match=reason) as raised:
            await handle
        assert (raised.value.code, (await handle.show())["attempts"]) == ("bad_result", 1)


async def test_a_result_comes_back_as_it_is_declared(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path):
        assert await (await counted.submit(["one", "three"])) == {3: ["one"], 5: ["three"]}
        assert await (await liar.submit(Picture("p", 1))) == Picture("p", 1)


@pytest.mark.parametrize("seconds", [0.00045, 0.0204, 0.05, 0])
async def test_a_result_is_waited_for_no_longer_than_that(tmp_path: Path, seconds: float) -> None:
    async with app.open(tmp_path, work=False):
        handle = await never.submit()
        with pytest.raises(DeadlineExceededError) as raised:
            await handle.result(seconds)
        assert raised.value.deadline_ms == math.ceil(seconds * 1_000)


async def test_what_is_said_of_a_job_is_plain(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path, work=False) as rehearsal:
        handle = await half.submit(3.0)
        for shown in (await handle.show(), *rehearsal.live(), *rehearsal.enqueued(half, number=3)):
            assert shown["spec"]["args"] == {"number": 3.0}
