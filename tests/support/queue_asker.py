"""Whoever asks for the queues of a node: each answer is held against the API's document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from seriatim.actors.policy import Policy
from tests.support.api_schema import answer_faults, body_faults
from tests.support.asker import Asker, with_asker
from tests.support.http_node import HttpReply
from tests.support.waiting import until

ALL: Final = "/api/v1/queues"
Q: Final = f"{ALL}/q"
JOBS: Final = f"{Q}/jobs"
PAUSED: Final = {"paused": True}
HELD_UP_MS: Final = 20_000


class QueueAsker(Asker):
    """An operator who submits jobs, a worker who runs them, and a reader of the document."""

    async def ask(self, method: str, target: str, body: object = None) -> HttpReply:
        reply = await super().ask(method, target, body)
        path = target.partition("?")[0]
        assert answer_faults(method, path, reply.status, reply.body) == []
        # Of several submissions each is refused by itself.
        is_taken = reply.status < 400 and b'"problem"' not in reply.body
        assert not is_taken or body_faults(method, path, body) == []
        if reply.status >= 400:
            assert reply.headers["content-type"] == "application/problem+json"
        return reply

    async def code(self, method: str, target: str, body: object = None) -> tuple[int, str]:
        reply = await self.ask(method, target, body)
        return reply.status, reply.json()["code"]

    async def post(self, target: str, body: object = None, *, status: int = 200) -> Any:
        reply = await self.ask("POST", target, body)
        assert reply.status == status, reply.body
        return reply.json()

    async def submit(self, *jobs: dict[str, Any], status: int = 201) -> list[str]:
        said = await self.post(JOBS, {"jobs": list(jobs)}, status=status)
        return [each["id"] for each in said["jobs"]]

    async def claim(self, *, wait_ms: int = 0, **more: object) -> Any:
        body = {"worker": "w", "types": ["t"], "commands": True, "room": 1, **more}
        return await self.post(f"{Q}/claims?wait_ms={wait_ms}", body)

    async def grant(self, *, wait_ms: int = 0, **more: object) -> Any:
        """Return the one job that a claim gets."""
        (grant,) = (await self.claim(wait_ms=wait_ms, **more))["grants"]
        return grant

    async def report(self, worker: str = "w", **more: object) -> Any:
        return await self.post(f"{Q}/reports", {"worker": worker, **more})

    async def done(self, grant: Any, worker: str = "w", **more: object) -> Any:
        said = {"id": grant["id"], "token": grant["token"], "how": "done", **more}
        return await self.report(worker, ended=[said])

    async def state(self, job: str) -> str:
        state: str = (await self.get(f"{JOBS}/{job}"))["state"]
        return state

    async def slot(self) -> int:
        slot: int = (await self.get(Q))["slot"]
        return slot


Use = Callable[[QueueAsker], Awaitable[None]]


def with_api(tmp_path: Path, use: Use, *, policy: Policy | None = None) -> None:
    with_asker(tmp_path, lambda api: use(QueueAsker(api.http, api.clock)), policy=policy)


def job(**fields: object) -> dict[str, Any]:
    return {"type": "t", **fields}


async def waiting(api: QueueAsker, asked: Awaitable[Any]) -> asyncio.Future[Any]:
    """Return what will be answered to *asked*, which waits at the node by now."""
    before = api.clock.due_ms()
    task = asyncio.ensure_future(asked)
    await until(lambda: api.clock.due_ms() != before)
    assert not task.done()
    return task
