"""What goes into a job and comes out of it is what was meant, or is refused: nothing in between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import seriatim
from seriatim.formats.errors import DeadlineExceededError, JobError, MalformedError
from seriatim.testing import rehearse
from tests.support.sample_app import Picture

if TYPE_CHECKING:
    from tests.support.sample_app import Picture as Portrait

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


@dataclass
class Box:
    content: Any


@app.job
async def boxed(box: Box) -> None: ...


@app.job
async def named(name: str) -> None: ...


@app.job
async def measured(raw: bytes, days: list[date], keyed: dict[UUID, bytes]) -> list[str]:
    return [type(each).__name__ for each in (raw, *days, *keyed, *keyed.values())]


@app.job
async def by_day(found: dict[date, int]) -> list[str]:
    return [type(each).__name__ for each in found]


@app.job
async def never() -> None: ...


class Made:
    value: Any = None


made = Made()


@app.job
async def given() -> Any:
    return made.value


@dataclass
class Kept:
    b: bytes
    d: list[date]


@app.job
async def declared() -> Kept:
    return made.value  # type: ignore[no-any-return]  # that is the point


@app.job
async def half_known(picture: Portrait, day: date, *, kind: date.OfStubs | None = None) -> str:  # type: ignore[name-defined]  # as what stubs alone have
    del kind
    return type(day).__name__


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


TEXT_ONLY: list[Any] = [
    b"x",
    bytearray(b"x"),
    date(2026, 1, 2),
    datetime(2026, 1, 2, tzinfo=UTC),
    timedelta(seconds=1),
    UUID(int=7),
    Decimal("1.5"),
]


@pytest.mark.parametrize("value", TEXT_ONLY)
async def test_what_would_be_taken_as_text_is_refused_where_it_is_submitted(
    tmp_path: Path, value: Any
) -> None:
    async with rehearse(app, tmp_path):
        known = await half.submit(3.0)
        for submitted in (
            named.submit(value),
            first.submit([value]),
            first.submit([{"deep": (value,)}]),
            first.submit([known.output, value]),
            boxed.submit(Box(value)),
        ):
            with pytest.raises(MalformedError, match=f"{type(value).__name__} would be") as raised:
                await submitted
            assert raised.value.code == "bad_args"


@pytest.mark.parametrize("value", TEXT_ONLY)
async def test_a_result_that_would_be_taken_as_text_is_a_failure_of_the_job(
    tmp_path: Path, value: Any
) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        for returned in (value, [value], {"deep": [value]}, Box(value)):
            made.value = returned
            handle = await given.submit()
            await rehearsal.drain()
            with pytest.raises(JobError, match=f"{type(value).__name__} would be") as raised:
                await handle
            assert raised.value.code == "bad_result"


async def test_a_result_of_a_declared_type_is_that_again(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path):
        made.value = {"b": b"x", "d": [date(2026, 1, 2)]}
        assert await (await declared.submit()) == Kept(b"x", [date(2026, 1, 2)])


async def test_a_name_for_type_checkers_hides_nothing_of_the_others(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path):
        anything: Any = "one"
        assert await (await half_known.submit(anything, date(2026, 1, 2))) == "date"
        with pytest.raises(MalformedError, match=r"day: .*date"):
            await half_known.submit(anything, anything)


async def test_keys_that_would_be_taken_as_text_are_refused_as_well(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path):
        for key in (b"x", date(2026, 1, 2), 1, 1.5, UUID(int=7)):
            with pytest.raises(MalformedError, match=r"the key .* would be taken as text"):
                await first.submit([{key: 1}])
            made.value = {"deep": [{key: 1}]}
            with pytest.raises(JobError, match=r"the key .* would be taken as text"):
                await (await given.submit())
        assert await (await by_day.submit({date(2026, 1, 2): 3})) == ["date"]
        by_text: Any = {"2026-01-02": 3}
        assert await (await by_day.submit(by_text)) == ["date"]


async def test_what_is_declared_arrives_as_what_it_is(tmp_path: Path) -> None:
    keyed_by = UUID(int=7)
    async with rehearse(app, tmp_path):
        assert await (await measured.submit(b"abc", [date(2026, 1, 2)], {keyed_by: b"d"})) == [
            "bytes",
            "date",
            "UUID",
            "bytes",
        ]
        like_bytes: Any = bytearray(b"abc")
        assert await (await measured.submit(like_bytes, [], {})) == ["bytes"]
        by_text: Any = {str(keyed_by): b"d"}
        assert await (await measured.submit(b"", [], by_text)) == ["bytes", "UUID", "bytes"]
        assert await (await first.submit([(1, {"two": None})])) == [1, {"two": None}]


@pytest.mark.parametrize("value", ["n", 5, None, {"x": 1}])
async def test_a_map_that_would_stand_for_a_result_is_refused(tmp_path: Path, value: Any) -> None:
    async with rehearse(app, tmp_path):
        known = await half.submit(3.0)
        for given in ([{"$result-of": value}], [known.output, [{"$result-of": known.id}]]):
            with pytest.raises(MalformedError, match="pass the handle of that job") as raised:
                await first.submit(given)
            assert raised.value.code == "bad_args"
        beside = {"$result-of": value, "and": "more"}
        assert await (await first.submit([beside])) == beside
        assert await (await first.submit(["$result-of", known.output])) == "$result-of"
        assert await (await first.submit([known.output, known.output])) == 1.5


async def test_what_is_far_too_deep_is_refused_as_what_is_too_deep(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path):
        for depth in (500, 2_000, 100_000):
            deep: list[Any] = []
            for _ in range(depth):
                deep = [deep]
            with pytest.raises(MalformedError, match=r"too deep|[Rr]ecursion") as raised:
                await first.submit(deep)
            assert raised.value.code == "bad_args"
