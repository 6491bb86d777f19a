"""Users and workers of a queue who do whatever comes to a random mind."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from seriatim.actors.queue.commands import (
    Cancel,
    Claim,
    Command,
    Done,
    Ended,
    Failed,
    Held,
    Released,
    Remove,
    Report,
    Reprioritise,
    Retry,
)
from seriatim.formats.jobs.spec import read_asked

if TYPE_CHECKING:
    from seriatim.actors.queue.queues import Queues

QUEUE = "mail"
SETTINGS = {"types": {"a": 3, "b": 1}, "resources": {"gpu": 1}, "kept_ms": 5}


class Crowd:
    """Users and workers of one queue, who do whatever comes to a random mind."""

    def __init__(self, queues: Queues, random: Random) -> None:
        self.queues = queues
        self.random = random
        self.jobs: list[str] = []
        self.held: dict[str, tuple[str, int]] = {}

    async def do_something(self) -> None:
        chance = self.random.random()
        if chance < 0.4:
            await self.submit()
        elif chance < 0.6:
            await self.claim()
        elif chance < 0.9 and self.held:
            await self.report()
        elif self.jobs:
            await self.meddle()

    async def submit(self) -> None:
        random = self.random
        said: dict[str, Any] = {"type": random.choice("ab"), "args": [random.random()]}
        said |= {"retries": random.randint(0, 2), "backoff": {"base_ms": 1}}
        if self.jobs and random.random() < 0.6:
            parent = random.choice(self.jobs)
            said["after"] = [[parent, random.choice(["fail", "skip", "run"])]]
            said |= {"inputs": [parent]} if random.random() < 0.5 else {}
        for chance, own in (
            (0.3, {"takes": {"gpu": 1}}),
            (0.3, {"key": random.choice("xy")}),
            (0.3, {"id": f"job-{random.randint(0, 60)}"}),
            (0.2, {"unique": random.choice("xyz")}),
            (0.2, {"delay_ms": 2}),
            (0.1, {"deadline_ms": 1}),
        ):
            said |= own if random.random() < chance else {}
        submitted = await self.queues.submit(QUEUE, [read_asked(said)])
        self.jobs.append(submitted[0].id)

    async def claim(self) -> None:
        worker = self.random.choice("uvw")
        held: list[Held] = [
            (job, token) for job, (who, token) in self.held.items() if who == worker
        ]
        if held and self.random.random() < 0.1:
            self.held.pop(held.pop()[0])  # a worker that has never heard of it
        claim = Claim(
            worker, frozenset("ab"), commands=False, room=self.random.randint(0, 4), held=held
        )
        claimed = await self.queues.claim(QUEUE, claim, wait_ms=1)
        for grant in claimed.grants:
            assert grant.id not in self.held
            self.held[grant.id] = worker, grant.token

    async def report(self) -> None:
        job = self.random.choice(sorted(self.held))
        worker, token = self.held.pop(job)
        kinds: list[Ended] = [
            Done(job, token, b'{"x":1.0}', {"exit_code": 0}),
            Failed(job, token, "raised", "it did", {}, is_final=self.random.random() < 0.2),
            Failed(job, token, "crashed", "it is gone", {"signal": 9}, is_crash=True),
            Failed(job, token, "cancelled", "it was told to", {}),
            Released(job, token),
        ]
        ended = self.random.choice(kinds)
        reported = await self.queues.ask(QUEUE, Report(worker, [ended]))
        again = await self.queues.ask(QUEUE, Report(worker, [ended]))
        assert not reported.refused
        assert list(again.refused) == [job], "the lease is over"

    async def meddle(self) -> None:
        job = self.random.choice(self.jobs)
        what: list[Command] = [
            Cancel(job, "somebody says so"),
            Retry(job),
            Reprioritise(job, self.random.randint(-5, 5)),
            Remove(job),
        ]
        await self.queues.ask(QUEUE, self.random.choice(what))
