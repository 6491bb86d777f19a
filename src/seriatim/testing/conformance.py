"""The conformance kit as a library: hold a node to what its protocols claim.

``run("http://127.0.0.1:8734")`` returns a `Report`; needs the extra ``conform``. It writes to the
node. A check of your own is a `Check`; ``run(url, checks=[*CHECKS, mine])`` tries it too.
See ``docs/conformance.md``.
"""

from __future__ import annotations

from seriatim.gateway.conform.check import Check
from seriatim.gateway.conform.checks import CHECKS
from seriatim.gateway.conform.claim import CheckSkippedError, ClaimBrokenError, expect
from seriatim.gateway.conform.faces.face import Entry, Face, Sent
from seriatim.gateway.conform.junit import encode_junit
from seriatim.gateway.conform.kind import Kind, Outcome
from seriatim.gateway.conform.report import Report, Result
from seriatim.gateway.conform.run import run
from seriatim.gateway.conform.talk.exchange import Exchange, Reply, Request

__all__ = [
    "CHECKS",
    "Check",
    "CheckSkippedError",
    "ClaimBrokenError",
    "Entry",
    "Exchange",
    "Face",
    "Kind",
    "Outcome",
    "Reply",
    "Report",
    "Request",
    "Result",
    "Sent",
    "encode_junit",
    "expect",
    "run",
]
