"""``/api/v1/queues/QUEUE/timeline``: every answer is also held against the document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seriatim.formats.limits import TIMELINE_DEFAULT_MS
from tests.support.queue_asker import ALL, JOBS, Q, QueueAsker, job, with_api


def test_a_timeline_is_what_ran_in_the_window_page_by_page(tmp_path: Path) -> None:
    async def use(api: QueueAsker) -> None:
        began_ms = []
        for name in ("one", "two", "three"):
            await api.submit(job(id=name))
            api.clock.advance(seconds=1)
            grant = await api.grant()
            began_ms.append((await api.get(f"{JOBS}/{name}"))["started_ms"])
            api.clock.advance(seconds=1)
            if name == "one":
                await api.done(grant)
            elif name == "two":
                failed = {"id": name, "token": grant["token"], "how": "failed", "code": "raised"}
                await api.report(ended=[failed | {"reason": "no"}])
        api.clock.advance(seconds=1)
        whole = await api.get(f"{Q}/timeline")
        one, two, three = whole["spans"]
        assert one == {
            "job": "one",
            "token": one["token"],
            "began_ms": began_ms[0],
            "worker": "w",
            "ended_ms": began_ms[0] + 1_000,
            "how": "done",
            "code": "",
            "type": "t",
            "attempt": 1,
        }
        assert (two["how"], two["code"]) == ("failed", "raised")
        assert (three["how"], three["ended_ms"], three["began_ms"]) == ("", None, began_ms[2])
        assert whole["to_ms"] - whole["from_ms"] == TIMELINE_DEFAULT_MS
        pages: list[Any] = []
        after = ""
        while len(pages) < 5:
            page = await api.get(f"{Q}/timeline?limit=1{after}")
            pages += page["spans"]
            if page["after"] is None:
                break
            after = f"&after={page['after']}"
        assert pages == whole["spans"]
        inside = f"from_ms={began_ms[1] + 1}&to_ms={began_ms[1] + 2}"
        assert (await api.get(f"{Q}/timeline?{inside}"))["spans"] == [
            two | {"how": "", "code": "", "ended_ms": None}
        ]
        before = f"from_ms=0&to_ms={began_ms[0]}"
        assert (await api.get(f"{Q}/timeline?{before}"))["spans"] == []

    with_api(tmp_path, use)


@pytest.mark.parametrize(
    "query",
    [
        *("after=x", "after=1.2", "after=1.2.3.4", "after=1.-1.0", "after=9999.1.0"),
        *("after=2.0.0", "after=2.4.0", "from_ms=2&to_ms=1", "from_ms=x", "limit=0", "limit=501"),
        "since=1",
    ],
)
def test_a_timeline_that_cannot_be_is_refused(tmp_path: Path, query: str) -> None:
    async def use(api: QueueAsker) -> None:
        await api.submit(job(id="one"))
        assert (await api.code("GET", f"{Q}/timeline?{query}"))[0] == 400
        assert await api.code("GET", f"{ALL}/none/timeline") == (404, "not_found")

    with_api(tmp_path, use)
