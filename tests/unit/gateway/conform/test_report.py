"""A report says the same to people, to programs and to CI systems, whatever a node has replied."""

from __future__ import annotations

import subprocess
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.gateway.conform.talk.exchange import (
    EXCERPT_CHARS,
    curl,
    describe_body,
    excerpt,
)
from seriatim.testing.conformance import (
    Exchange,
    Kind,
    Outcome,
    Reply,
    Report,
    Request,
    Result,
    encode_junit,
)

URL = "http://127.0.0.1:8734"
POST = Request("POST", "/a?b=1&c=d", {"content-type": "application/ans104"}, b"\x00\x01item")


def result(outcome: Outcome, reason: str = "", *exchanges: Exchange) -> Result:
    return Result(Kind.LEGACY, "slots", "No gap.", "the unit", outcome, reason, exchanges)


def report(*results: Result) -> Report:
    return Report(URL, 0, 50, results)


FAILED = report(
    result(Outcome.HOLDS),
    result(
        Outcome.FAILS,
        "found [0, 2]",
        Exchange(POST, Reply(200, {"slot": "1"}, b'{"id": 1}')),
        Exchange(Request("GET", "/a", {}), None, at_once=True),
    ),
    result(Outcome.SKIPPED, "no chain"),
)


def test_the_plain_report_has_counts_and_the_conversation() -> None:
    plain = orjson.loads(orjson.dumps(FAILED.to_plain()))
    assert {name: plain[name] for name in ("ok", "holds", "fails", "skipped")} == {
        "ok": False,
        "holds": 1,
        "fails": 1,
        "skipped": 1,
    }
    first, second = plain["results"][1]["exchanges"]
    assert (first["status"], first["reply"], first["at_once"]) == (200, '{"id": 1}', False)
    assert (first["headers"], first["reply_headers"]) == (POST.headers, {"slot": "1"})
    assert (second["status"], second["reply"], second["at_once"]) == (None, "", True)


def test_what_was_skipped_does_not_fail_a_report() -> None:
    assert report(result(Outcome.HOLDS), result(Outcome.SKIPPED, "why")).ok


def test_junit_has_a_suite_with_its_failures_and_skips() -> None:
    (suite,) = ET.fromstring(encode_junit(FAILED))
    assert suite.attrib == {
        "name": "legacy",
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
    }
    held, failed, skipped = suite
    assert list(held) == []
    (failure,) = failed
    assert failure.attrib["message"] == "found [0, 2]"
    assert failure.text is not None
    assert curl(URL, POST) in failure.text
    assert [each.tag for each in skipped] == ["skipped"]


@given(body=st.binary(max_size=40), reason=st.text(max_size=40))
def test_no_reply_breaks_the_report(body: bytes, reason: str) -> None:
    found = report(result(Outcome.FAILS, reason, Exchange(POST, Reply(200, {}, body))))
    ET.fromstring(encode_junit(found))
    orjson.dumps(found.to_plain())


@pytest.mark.parametrize("body", [b"", b"a b", b"\x00\xff'$(x)\n", bytes(range(256))])
def test_the_shell_gives_curl_the_very_bytes(body: bytes) -> None:
    """Shown with a stand-in that prints what it is called with, and what it reads."""
    request = Request("POST", "/a?b=1&c=d", {"content-type": "text/plain; a='b'"}, body)
    script = f'curl() {{ printf "%s\\0" "$@"; cat; }}; {curl(URL, request)}'
    ran = subprocess.run(["sh", "-c", script], input=b"", check=True, capture_output=True)
    *arguments, sent = ran.stdout.split(b"\0", ran.stdout.count(b"\0") - body.count(b"\0"))
    assert sent == body
    assert arguments[-1].decode() == URL + request.target
    assert b"content-type: text/plain; a='b'" in arguments


def test_bodies_are_shown_short() -> None:
    assert describe_body(b"hello") == "hello"
    assert describe_body(b"\x00" * 300).startswith("300 bytes, SHA-256 ")
    assert describe_body(b"a" * 300).startswith("300 bytes, SHA-256 ")
    assert len(excerpt(b"a" * 9_000)) == EXCERPT_CHARS + 1
    assert excerpt(b"\xff") == "\ufffd"
