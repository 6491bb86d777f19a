"""What another node replies, in case of an error: none of its words is a header of ours unread.

An input is a status, a line feed, and the body.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from seriatim.formats.errors import SchedulerError
from seriatim.formats.limits import HTTP_LINE_MAX_BYTES
from seriatim.gateway.http.legacy import reply_error
from seriatim.gateway.http.reply import reply_problem
from seriatim.gateway.problems import Problem
from seriatim.gateway.reply import check_status, read_reply

URL: Final = "http://node.example"
PRINTABLE: Final = re.compile("[ -~]*")
STATUSES: Final = (b"200", b"307", b"400", b"404", b"409", b"422", b"429", b"500", b"503", b"999")

_STATUS: Final = re.compile(rb"[1-9]\d\d")


def seeds() -> list[bytes]:
    """Return problems of ours and of an ao unit, replies that are none, and codes that are none."""
    codes = ["not_uploaded", "", "a b", "x\r\nset-cookie: a=b", "\u2028\x00", "x" * 9_000, 7, None]
    bodies = [
        *(orjson.dumps({"code": code, "detail": "a sentence"}) for code in codes),
        b'{"error":"Message already exists"}',
        b'{"code":"unavailable","detail":{"a":["\\ud83d\\ude00",1e9]}}',
        b'{"slot":1,"process":"p"}',
        b"[1]",
        b"<html>",
        b"",
    ]
    return [status + b"\n" + body for status in STATUSES for body in bodies]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    head, _, body = raw.partition(b"\n")
    status = int(head) if _STATUS.fullmatch(head) else 500
    errors: list[SchedulerError] = []
    for read in (read_reply, check_status):
        try:
            read(URL, status, body)
        except SchedulerError as error:
            errors.append(error)
    assert len(errors) in ({2} if status >= 400 else {0, 1}), "an error is said to be one by both"
    for each in errors:
        problem = Problem(each)
        for reply in (reply_problem(problem), reply_error(problem)):
            for name, value in reply.headers.items():
                assert PRINTABLE.fullmatch(name + value), "a header of printable ASCII"
                assert len(name) + len(": ") + len(value) < HTTP_LINE_MAX_BYTES
