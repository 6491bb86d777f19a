"""Users, workers, faults and time around one queue: random, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, Final

from seriatim.actors.queue import commands as c
from seriatim.formats.jobs.spec import Asked, read_asked
from seriatim.formats.jobs.state import JobState
from tests.support.queue_model_job import ENDED, LIVE
from tests.support.queue_run import QueueRun
from tests.support.stepped_queue import Fate

WORKERS: Final = ("u", "v", "w")
TYPES: Final = ("a", "b", "c")
MADE: Final = tuple(f"01hf7yat00000000000000000{digit}" for digit in "01")
FIRST: Final = {
    "types": {"a": 3, "b": 2},
    "resources": {"gpu": 2, "lock": 1},
    "rates": {"c": [2, 700]},
}
CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {"types": {"a": 1, "c": 3}},
    {"types": {"a": 3, "b": None}},
    {"keys": {"a": 2}},
    {"keys": {"a": None}},
    {"resources": {"gpu": 1}},
    {"resources": {"gpu": 3, "lock": None}},
    {"resources": {"lock": 2}},
    {"rates": {"a": [3, 5_000]}},
    {"rates": {"a": [1, 30], "c": [10, 700]}},
    {"rates": {"a": None, "c": [1, 5_000]}},
    {"defaults": {"a": {"retries": 2, "priority": 1}, "b": {"takes": {"gpu": 1}}}},
    {"defaults": {"a": None, "b": None}},
    {"paused": True},
    {"paused": False},
    {"paused": False, "paused_types": ["b"]},
    {"paused_types": []},
    {"jobs_max": 8},
    {"jobs_max": 100},
    {"kept_ms": 0},
    {"kept_ms": 30},
    {"kept_ms": 5_000},
    {"nonsense": 1},
)

WINDOWS: Final = tuple({"key": key, "window_ms": ms} for key in "xy" for ms in (0, 1, 30))
# How often each of them comes.
WEIGHTS: Final = {
    "submit": 12,
    "submit_again": 3,
    "claim": 10,
    "report": 10,
    "go_on": 4,
    "meddle": 8,
    "write": 4,
    "pass_time": 6,
    "set_clock": 1,
    "restart": 1,
    "withdraw": 1,
}


class QueueTraffic:
    """Whoever may come to a queue; what each does is drawn from one seed.

    Attributes:
        run: the queue and its model.
    """

    def __init__(self, random: Random, seen: Counter[str]) -> None:
        self.random = random
        self.run = QueueRun(seen)
        self.jobs: list[str] = []
        self.waiting: list[c.Command] = []
        self.run.turn(c.Change(self.random.choice([FIRST, FIRST, {}])))

    def _say(self, command: c.Command) -> None:
        """Have *command* in the next slot, which is made at once every other time."""
        self.waiting.append(command)
        if self.random.random() < 0.5:
            self.turn(Fate.WRITTEN)

    def turn(self, fate: Fate) -> None:
        """Make a slot of what waits."""
        commands, self.waiting = self.waiting, []
        self.run.queue.chance = self.random.choice([0.0, 0.5, 0.99])
        self.run.turn(*commands, fate=fate)
        self.run.settle()

    # What is asked.

    def submit(self) -> None:
        """Submit some jobs."""
        asked = [self._a_job() for _ in range(self.random.choice([1, 1, 2, 3]))]
        self.run.asked += asked
        self._say(c.Submit(asked))

    def submit_again(self) -> None:
        """Submit what was submitted before, perhaps."""
        if self.run.asked and self.random.random() < 0.3:
            self._say(c.Submit([self.random.choice(self.run.asked[-9:])]))

    def claim(self) -> None:
        """Have a worker claim jobs."""
        random = self.random
        worker = random.choice(WORKERS)
        held = self.run.held.get(worker, {})
        if held and random.random() < 0.1:  # of its last lease it has never heard
            held.popitem()
        types = frozenset(random.sample(TYPES, random.randint(1, 3)))
        room, is_local = random.choice([0, 1, 2, 5]), random.random() < 0.3
        commands = random.random() < 0.5
        self._say(c.Claim(worker, types, commands, room, list(held.items()), is_local))

    def report(self) -> None:
        """Have a worker say how a job has ended; or somebody who has it no longer."""
        held = [(who, lease) for who, jobs in self.run.held.items() for lease in jobs.items()]
        if self.run.old and self.random.random() < 0.1:
            self._end("u", self.random.choice(self.run.old[-9:]))
        elif held:
            worker, (job, token) = self.random.choice(held)
            if self.random.random() < 0.1:
                worker = self.random.choice(WORKERS)  # that of another one, perhaps
            self.run.held.get(worker, {}).pop(job, None)
            self._end(worker, (job, token))

    def _end(self, worker: str, lease: c.Held) -> None:
        job, token = lease
        kinds: list[c.Ended] = [
            c.Done(job, token, b"%d" % token, {"exit_code": 0}),
            c.Done(job, token),
            c.Failed(job, token, "raised", "it did", {"error_type": "E"}),
            c.Failed(job, token, "raised", "it did", {}, is_final=True),
            c.Failed(job, token, "cancelled", "it was told to", {}),
            c.Failed(job, token, "crashed", "it is gone", {"signal": 9}, is_crash=True),
            c.Released(job, token),
            c.Released(job, token, has_begun=True),
        ]
        repeats = 2 if self.random.random() < 0.1 else 1
        printed = [c.Printed(job, token, 9, b"last words")] if self.random.random() < 0.2 else []
        self._say(c.Report(worker, [self.random.choice(kinds)] * repeats, printed=printed))

    def go_on(self) -> None:
        """Have a worker say that it goes on."""
        worker = self.random.choice(WORKERS)
        held = list(self.run.held.get(worker, {}).items())
        held += self.run.old[-2:] if self.random.random() < 0.2 else []
        number = self.random.randint(0, 8)
        printed = [c.Printed(*lease, number, b"%d" % number) for lease in held[-3:]]
        self._say(c.Report(worker, held=held, printed=printed if number < 4 else ()))

    def meddle(self) -> None:
        """Be a person."""
        random, job = self.random, self._known_job()
        waiting = [JobState.BLOCKED, JobState.PENDING, JobState.SCHEDULED]
        commands: list[tuple[int, c.Command]] = [
            (6, c.Cancel(job, "somebody says so")),
            (9, c.Retry(self._failed_job() or job)),
            (3, c.Remove(self._wanted_job() or job)),
            (3, c.Reprioritise(job, random.randint(-3, 3))),
            (4, c.Change(random.choice(CHANGES))),
            (1, c.Purge(random.choice(waiting))),
        ]
        self._say(random.choices([each for _, each in commands], [each for each, _ in commands])[0])

    # What happens.

    def write(self) -> None:
        """Make a slot, which may fail."""
        self.turn(self.random.choice([Fate.WRITTEN, Fate.WRITTEN, Fate.FAILED, Fate.DOUBTFUL]))

    def pass_time(self) -> None:
        """Let time pass."""
        self.run.queue.pass_ms(self.random.choice([1, 29, 30, 101, 700, 5_000, 70_000]))
        if self.random.random() < 0.5:
            self.turn(Fate.WRITTEN)

    def set_clock(self) -> None:
        """Set the wall clock, forward or back."""
        set_by_ms = self.random.choice([1, 40, 10_000, 1_000_000])
        self.run.queue.wall_ms += self.random.choice([-1, 1]) * set_by_ms

    def restart(self) -> None:
        """End the node; what has waited for the next slot is lost with it."""
        self.waiting.clear()
        self.run.restart()

    def withdraw(self) -> None:
        """Have a claim wait no longer."""
        self.run.withdraw()

    def step(self) -> None:
        """Do something."""
        acts, weights = list(WEIGHTS), list(WEIGHTS.values())
        getattr(self, self.random.choices(acts, weights)[0])()

    def finish(self) -> None:
        """Come to an end, where everything has to hold."""
        self.turn(Fate.WRITTEN)
        self.run.finish()

    # Whatever comes to mind.

    def _known_job(self) -> str:
        """Return a job that there is, or was, or may be some day."""
        if not self.jobs or self.random.random() < 0.1:
            return self.random.choice(["later-1", "later-2", *MADE])
        return self.random.choice(self.jobs[-8:])

    def _wanted_job(self) -> str:
        """Return a job that has ended and whose result is wanted; empty for none."""
        model = self.run.model
        wanted = {job for each in model.in_state(*LIVE) for job in each.spec.get("inputs", ())}
        return min(wanted & {job.id for job in model.in_state(*ENDED)}, default="")

    def _failed_job(self) -> str:
        """Return a job that may be retried, every other time; empty for none."""
        failed = self.run.model.in_state("failed", "dead", "cancelled")
        # Those about which there is more to know are left last.
        told = [each for each in failed if "unique" in each.spec or each.due_ms] or failed
        return self.random.choice(told).id if told and self.random.random() < 0.5 else ""

    def _new_job(self) -> str:
        """Return the id of a job, which is seldom there already."""
        chance = self.random.random()
        job = f"job-{len(self.jobs)}" if chance < 0.8 else self._known_job()
        self.jobs.append(job)
        return job

    def _a_time(self, now_ms: int) -> dict[str, Any]:
        """Return until when a job waits, as is said of it."""
        if self.random.random() < 0.7:
            return {"delay_ms": self.random.choice([0, 1, 30, 5_000, 500_000])}
        return {"due_ms": now_ms + self.random.choice([-30, 1, 30, 5_000])}

    def _a_job(self) -> Asked:
        random, now_ms = self.random, self.run.queue.wall_ms
        type_, jobs = random.choice(TYPES), [self._known_job() for _ in range(random.randint(1, 3))]
        said: dict[str, Any] = {"id": self._new_job(), "type": type_}
        if random.random() < 0.5:
            edges = {job: random.choice(["fail", "fail", "skip", "run"]) for job in jobs}
            said["after"] = [*edges.items()]
            said["inputs"] = [job for job in edges if random.random() < 0.5]
        backoff = {"base_ms": random.choice([0, 30, 700]), "jitter": random.choice([0, 0.5])}
        for chance, own in (
            (0.3, {"unique": random.choice([True, "x", "y", *WINDOWS])}),
            (0.1, {"unique": {"key": "x", "states": ["done", "pending"]}}),
            (0.1, {"unique": {"key": "y", "states": ["leased"], "window_ms": 5_000}}),
            (0.3, {"priority": random.randint(-2, 2)}),
            (0.3, self._a_time(now_ms)),
            (0.1, {"deadline_ms": now_ms + random.choice([0, 1, 30, 5_000])}),
            (0.2, {"key": random.choice("kl")}),
            (0.2, {"takes": {random.choice(["gpu", "lock"]): random.choice([1, 1, 2])}}),
            (0.5, {"retries": random.randint(0, 2), "backoff": backoff}),
            (0.5, {"crashes_max": random.randint(1, 2)}),
            (0.5, {"lease_ms": random.choice([100, 5_000])}),
            (0.3, {"args": [random.randint(0, 1)]}),
        ):
            said |= own if random.random() < chance else {}
        asked = read_asked(said)
        if random.random() < 0.2:  # which not everybody may say yet
            asked = asked._replace(spec={**asked.spec, "command": ["true"]})
        return asked


def simulate(seed: int, steps: int, seen: Counter[str]) -> None:
    """Let a queue live for *steps*, and come to its end."""
    traffic = QueueTraffic(Random(seed), seen)
    for _ in range(steps):
        traffic.step()
    traffic.finish()
