"""The search for a plan that shows that a claim does not hold, and for the shortest one."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from seriatim.formats.errors import DeadlineExceededError, SchedulerError
from seriatim.formats.limits import CONFORM_SHRINKS_MAX
from seriatim.gateway.conform.check import Check
from seriatim.gateway.conform.claim import CheckSkippedError, ClaimBrokenError
from seriatim.gateway.conform.faces.face import Face
from seriatim.gateway.conform.kind import Outcome
from seriatim.gateway.conform.report import Result
from seriatim.gateway.conform.talk.exchange import Exchange


class Search:
    """Tries plans of one check; keeps the shortest conversation that broke its claim.

    The kit keeps the conversation itself: a node need not do the same thing twice, and a failure
    that cannot be repeated is a failure that was seen.
    """

    def __init__(self, check: Check, face: Face) -> None:
        """Prepare; nothing is sent."""
        self._check = check
        self._face = face
        self._reason = ""
        self._shortest: tuple[Exchange, ...] | None = None
        self._skipped = ""
        self._tries_left = CONFORM_SHRINKS_MAX

    def run(self, *, examples: int, seed: int) -> Result:
        """Try up to *examples* plans, and after a failure up to ``CONFORM_SHRINKS_MAX`` more."""
        test = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )(seeded(seed)(given(self._check.plan)(self._attempt)))
        try:
            test()
        except Exception:
            # The claim is broken, or hypothesis complains that the node did not repeat itself.
            if self._shortest is None:
                raise
        return self._result()

    def _attempt(self, plan: Any) -> None:
        if self._skipped or not self._tries_left:
            return
        if self._shortest is not None:
            self._tries_left -= 1
        talk = self._face.talk
        talk.begin()
        try:
            self._check.run(self._face, plan)
        except CheckSkippedError as reason:
            self._skipped = str(reason)
        except (ClaimBrokenError, SchedulerError) as error:
            self._keep(str(error), tuple(talk.exchanges))
            if isinstance(error, DeadlineExceededError):
                self._tries_left = 0  # each further try could take as long again
            raise

    def _keep(self, reason: str, exchanges: tuple[Exchange, ...]) -> None:
        if self._shortest is None or _size(exchanges) < _size(self._shortest):
            self._reason, self._shortest = reason, exchanges

    def _result(self) -> Result:
        check, kind = self._check, self._face.kind
        said = (kind, check.name, check.claim, check.source)
        if self._shortest is not None:
            return Result(*said, Outcome.FAILS, self._reason, self._shortest)
        if self._skipped:
            return Result(*said, Outcome.SKIPPED, self._skipped)
        return Result(*said, Outcome.HOLDS)


def _size(exchanges: tuple[Exchange, ...]) -> tuple[int, int]:
    return len(exchanges), sum(len(each.request.body) for each in exchanges)
