"""Jobs that an earlier version of a program has submitted, or another program in its own form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import seriatim
from seriatim.actors.app.access import Ending
from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.spec import read_asked
from tests.support.legacy_app import app, from_before, resize

pytestmark = pytest.mark.asyncio


async def ended(said: dict[str, Any], queue: str = "default") -> Ending:
    """Return how a job has ended that somebody has submitted without the app's functions."""
    [submitted] = await app.access.submit(queue, [read_asked(said)])
    ending = await app.access.ending(queue, submitted.id, wait_ms=20_000)
    assert ending is not None
    return ending


async def result_of(said: dict[str, Any], queue: str = "default") -> Any:
    ending = await ended(said, queue)
    assert ending.state == "done", ending.failure
    return orjson.loads(ending.result)


async def test_payloads_of_every_version_run(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        for args in (["x", 3], {"file": "x", "size": {"w": 3}}, {"file": "x", "width": 3}):
            assert await result_of({"type": "resize", "args": args}) == ["x", 3]
        assert await (await resize.submit("x", 3)) == ["x", 3]


async def test_a_function_runs_the_jobs_of_its_other_types_and_knows_which(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        assert await result_of({"type": "scale", "args": ["x", 3]}) == ["x", 3]
        for kind in ("LIGM", "ligm.v2", "legacy"):
            assert await result_of({"type": kind, "args": [1, {"a": 2}]}) == [kind, [1, {"a": 2}]]
        assert await result_of({"type": "LIGM"}) == ["LIGM", None]
        types = running.queues.reader.now("default").settings.types
        assert {kind: types[kind] for kind in ("LIGM", "ligm.v2", "legacy")} == {
            "LIGM": 2,
            "ligm.v2": 2,
            "legacy": 2,
        }


async def test_in_a_child_it_is_the_same(tmp_path: Path) -> None:
    async with app.open(tmp_path):
        assert await result_of({"type": "old-apart", "args": ["x", 3]}, "heavy") == [
            "old-apart",
            "x",
            3,
        ]


async def test_inline_it_is_the_same() -> None:
    with app.inline():
        assert await result_of({"type": "LIGM", "args": 7}) == ["LIGM", 7]


async def test_a_result_of_another_job_stands_in_a_payload_before_it_is_decoded(
    tmp_path: Path,
) -> None:
    async with app.open(tmp_path):
        first = await resize.submit("x", 3)
        args = [{"$result-of": first.id}, 4]
        said = {"type": "ligm.v2", "args": args, "after": [first.id], "inputs": [first.id]}
        assert await result_of(said) == ["ligm.v2", [["x", 3], 4]]


@pytest.mark.parametrize("args", [7, [], {"size": 3}, {"file": "x"}, ["x", "wide"]])
async def test_what_no_version_has_submitted_fails_and_is_not_tried_again(
    tmp_path: Path, args: Any
) -> None:
    async with app.open(tmp_path):
        ending = await ended({"type": "resize", "args": args, "retries": 3})
        assert (ending.state, ending.failure["code"]) == ("failed", "bad_args")
        assert ending.failure["attempt"] == 1


async def test_a_type_that_nobody_names_waits_for_a_worker_that_does(tmp_path: Path) -> None:
    async with app.open(tmp_path) as running:
        asked = read_asked({"type": "nobodys", "id": "one"})
        await app.access.submit("default", [asked])
        assert await result_of({"type": "LIGM", "args": 7}) == ["LIGM", 7]
        assert (await running.show("one", queue="default"))["state"] == "pending"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"also": "LIGM"}, "a list of types"),
    ({"also": ["one", "one"]}, "a job one already"),
    ({"also": ["taken"]}, "a job taken already"),
    ({"also": ["no name"]}, "also"),
    ({"decode": "json"}, "decode"),
]


@pytest.mark.parametrize(("said", "reason"), REFUSED)
async def test_what_cannot_be_is_refused_where_it_is_declared(
    said: dict[str, Any], reason: str
) -> None:
    own = seriatim.App()
    own.job(type="taken")(lambda: None)
    declare: Callable[..., Any] = own.job(type="mine", **said)
    with pytest.raises(MalformedError, match=reason):
        declare(from_before)
    assert list(own.functions) == ["taken"]
