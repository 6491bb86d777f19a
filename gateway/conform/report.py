"""What a run found, as a value and as plain JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from seriatim.gateway.conform.kind import Kind, Outcome
from seriatim.gateway.conform.talk.exchange import Exchange, exchange_to_plain


class Result(NamedTuple):
    """One check of one suite.

    Attributes:
        kind: the API.
        check: the check's name.
        claim: what it claims.
        source: where the rule comes from.
        outcome: what became of it.
        reason: what was found instead, or why it was skipped; empty when the claim holds.
        exchanges: the shortest conversation that shows a failure; empty otherwise.
    """

    kind: Kind
    check: str
    claim: str
    source: str
    outcome: Outcome
    reason: str = ""
    exchanges: tuple[Exchange, ...] = ()


class Report(NamedTuple):
    """All results of a run, in the order of the suites and their checks.

    Attributes:
        url: the node.
        seed: the same seed draws the same plans.
        examples: how many plans each check drew at most.
        results: one for each check of each suite.
    """

    url: str
    seed: int
    examples: int
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing fails. What was skipped was not tried."""
        return not self.count(Outcome.FAILS)

    def count(self, outcome: Outcome) -> int:
        """Return how many results have *outcome*."""
        return sum(result.outcome is outcome for result in self.results)

    def to_plain(self) -> dict[str, Any]:
        """Return the report as plain JSON; stable within a major version."""
        return {
            "ok": self.ok,
            "url": self.url,
            "seed": self.seed,
            "examples": self.examples,
            **{outcome.value: self.count(outcome) for outcome in Outcome},
            "results": [_result_to_plain(self.url, result) for result in self.results],
        }


def _result_to_plain(url: str, result: Result) -> dict[str, Any]:
    return {
        "suite": result.kind.value,
        "check": result.check,
        "claim": result.claim,
        "source": result.source,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "exchanges": [exchange_to_plain(url, each) for each in result.exchanges],
    }
