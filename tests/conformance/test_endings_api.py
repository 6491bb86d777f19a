"""The ends of several jobs in one request; every answer is also held against the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from seriatim.gateway.http.api import queues
from tests.support.queue_asker import JOBS, Q, QueueAsker, job, waiting, with_api


def test_the_ends_of_several_jobs_are_waited_for_at_once(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        names = ["one", "two", "three"]
        await api.post(f"{Q}/settings", {"types": {"t": 3}})
        await api.submit(*(job(id=name) for name in names))
        grants = {each["id"]: each for each in (await api.claim(room=3))["grants"]}
        said = {"jobs": names}
        assert await api.post(f"{Q}/endings", said) == {"jobs": [], "unknown": []}
        asked = await waiting(api, api.post(f"{Q}/endings?wait_ms=1000", said))
        done = [(each, grants[each]["token"]) for each in ("two", "three")]
        ended = [
            {"id": each, "token": token, "how": "done", "result": each} for each, token in done
        ]
        await api.report(ended=ended)
        answered = await asked
        assert [each["id"] for each in answered["jobs"]] == ["two", "three"]
        assert answered["jobs"][0] == await api.get(f"{JOBS}/two")
        again = await api.post(f"{Q}/endings?wait_ms=1000", {"jobs": [*names, "nobody"] * 2})
        assert [each["id"] for each in again["jobs"]] == ["two", "three"]
        assert again["unknown"] == ["nobody"]

    with_api(tmp_path, use)


def test_ends_that_are_long_come_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "HTTP_PAGE_MAX_BYTES", 1_000)

    async def use(api: QueueAsker) -> None:
        names = [f"job{number}" for number in range(3)]
        await api.submit(*(job(id=name) for name in names))
        for _ in names:
            await api.done(await api.grant(), result="x" * 600)
        answered = await api.post(f"{Q}/endings", {"jobs": names})
        assert [each["id"] for each in answered["jobs"]] == names[:2]

    with_api(tmp_path, use)
