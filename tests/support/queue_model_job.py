"""A job, and a rate, as the model of a queue has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

LIVE = ("blocked", "pending", "scheduled", "leased")
ENDED = ("done", "failed", "dead", "cancelled")
LEGAL = {
    "": {"blocked", "pending", "scheduled", "failed", "cancelled"},
    "blocked": {"scheduled", "pending", "failed", "cancelled"},
    "scheduled": {"pending", "failed", "cancelled"},
    "pending": {"leased", "failed", "cancelled"},
    "leased": {"pending", "scheduled", "done", "failed", "dead", "cancelled"},
    "failed": {"blocked", "scheduled", "pending"},
    "dead": {"blocked", "scheduled", "pending"},
    "cancelled": {"blocked", "scheduled", "pending"},
    "done": set(),
}


@dataclass
class ModelJob:
    """A job; what is said of it stands in its spec."""

    id: str
    type: str
    spec: dict[str, Any]
    order: tuple[int, int]
    priority: int
    due_ms: int
    deadline_ms: int | None
    state: str = ""
    attempt: int = 0
    tries: int = 0
    crashes: int = 0
    token: int = 0
    worker: str = ""
    cancelling: bool = False
    is_late: bool = False
    is_local: bool = False
    is_orphan: bool = False
    submitted_ms: int = 0
    first_due_ms: int = 0
    ended_ms: int = 0
    attempts_before: int = 0
    waits_for_instant: bool = False
    wait_ms: int = 0
    until_monotonic_ms: int = 0
    result: bytes = b""
    waits: set[str] = field(default_factory=set)
    choices: set[str] = field(default_factory=set)

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    def stopped(self, wall_ms: int) -> str:
        """Return how it ends when it was to stop, and did not say how."""
        is_overdue = self.deadline_ms is not None and self.deadline_ms <= wall_ms
        return "failed" if is_overdue or self.is_late else "cancelled"

    @property
    def takes(self) -> Counter[str]:
        takes: Counter[str] = Counter(self.spec.get("takes", {}))
        if "key" in self.spec:
            takes[f"{self.type}/{self.spec['key']}"] += 1
        return takes


@dataclass
class Bucket:
    """What is left of a rate: full at first, and filled up evenly."""

    jobs: int
    per_ms: int
    level: Fraction
    at_ms: int

    def level_at(self, now_ms: int) -> Fraction:
        passed = Fraction((now_ms - self.at_ms) * self.jobs, self.per_ms)
        return min(self.level + passed, Fraction(self.jobs))

    def take(self, now_ms: int) -> None:
        self.level, self.at_ms = self.level_at(now_ms) - 1, now_ms
        assert self.level >= 0, "no rate is exceeded"

    def free_ms(self) -> int:
        """Return when there is room for one, rounded up."""
        return self.at_ms - int((self.level - 1) * self.per_ms / self.jobs // 1)


def verdict(parent: ModelJob, policy: str) -> str:
    """Return how a child ends by the end of *parent*; empty where it does not."""
    if parent.is_live or parent.state == "done":
        return ""
    return {"fail": "failed", "skip": "cancelled", "run": ""}[policy]


def is_made(job: str) -> bool:
    """Tell whether *job* is an id that was made for it: 26 characters, as those of tests are."""
    return len(job) == 26 and job.startswith("01")


def is_same(job: ModelJob, asked: Any) -> bool:
    """Tell whether *asked* says again what *job* was: what it does, and after what."""

    def said(spec: dict[str, Any]) -> list[str]:
        return [repr(spec.get(key)) for key in ("args", "command", "after", "inputs")]

    return job.type == asked.type and said(job.spec) == said(asked.spec)


def waits_for_itself(job: str, fresh: dict[str, Any], jobs: dict[str, ModelJob]) -> bool:
    """Tell whether *job* would wait for itself, once *fresh* ones are among *jobs*."""
    reached: set[str] = set()
    todo = [job]
    while todo:
        here = todo.pop()
        if here in fresh:
            parents = {p for p, _ in fresh[here].spec.get("after", ())}
        elif here in jobs and jobs[here].is_live:
            parents = jobs[here].waits
        else:
            parents = set()
        todo += parents - reached
        reached |= parents
    return job in reached


def doubles_of(batch: Iterable[Any], double_of: Callable[[dict[str, Any]], str]) -> set[str]:
    """Return the jobs of *batch* that are others by their unique keys, or may be so."""
    found, keys = set(), set()
    for each in batch:
        unique = each.spec.get("unique")
        if unique is not None:
            states = set(unique.get("states", LEGAL[""]))
            may_be = unique.get("window_ms", 1) > 0 and states - {"leased", "done", "dead"}
            if double_of(unique) or (may_be and unique["key"] in keys):
                found.add(each.id)
            keys.add(unique["key"])
    return found


def missing(
    asked: Any,
    fresh: dict[str, Any],
    jobs: dict[str, ModelJob],
    capacity: Callable[[str], int],
) -> Iterable[str]:
    """Yield what *asked* is refused for: it wants what there is not."""
    if any(n > capacity(each) for each, n in asked.spec.get("takes", {}).items()):
        yield "no_such_token"
    for parent, _ in asked.spec.get("after", ()):
        if is_made(parent) and parent not in fresh and parent not in jobs:
            yield "not_found"
