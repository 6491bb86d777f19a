"""A report as JUnit XML: one test suite per API, one test case per check, as CI systems read it."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from seriatim.gateway.conform.kind import Kind, Outcome
from seriatim.gateway.conform.report import Report, Result
from seriatim.gateway.conform.talk.exchange import curl, exchange_to_plain

# Everything that XML 1.0 has no place for.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_junit(report: Report) -> bytes:
    """Return *report* as an XML document."""
    root = ET.Element("testsuites", name="seriatim conform")
    for kind in Kind:
        results = [result for result in report.results if result.kind is kind]
        if results:
            root.append(_suite(report.url, kind, results))
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _suite(url: str, kind: Kind, results: list[Result]) -> ET.Element:
    def count(outcome: Outcome) -> str:
        return str(sum(result.outcome is outcome for result in results))

    suite = ET.Element(
        "testsuite",
        name=kind.value,
        tests=str(len(results)),
        failures=count(Outcome.FAILS),
        skipped=count(Outcome.SKIPPED),
        errors="0",
    )
    for result in results:
        suite.append(_case(url, result))
    return suite


def _case(url: str, result: Result) -> ET.Element:
    case = ET.Element("testcase", classname=f"conform.{result.kind}", name=result.check)
    if result.outcome is Outcome.SKIPPED:
        ET.SubElement(case, "skipped", message=_clean(result.reason))
    elif result.outcome is Outcome.FAILS:
        failure = ET.SubElement(case, "failure", message=_clean(result.reason))
        lines = [result.claim, f"Source: {result.source}"]
        for each in result.exchanges:
            told = exchange_to_plain(url, each)
            lines += ["", curl(url, each.request), f"{told['status']} {told['reply']}"]
        failure.text = _clean("\n".join(lines))
    return case


def _clean(text: str) -> str:
    """Return *text* without what XML cannot hold."""
    return _NO_XML.sub("?", text)
