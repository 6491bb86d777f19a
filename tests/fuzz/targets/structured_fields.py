"""Structured fields: what is read is written and read again as the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from seriatim.formats.errors import SchedulerError
from seriatim.formats.tabm import sf
from tests.fuzz import seeds as recorded
from tests.support.notation import tabm

NAMES: Final = ("ao-types", "ao-ids", "body-keys", "signature", "signature-input")
FORMS: Final[tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...]] = (
    (sf.parse_dictionary, sf.write_dictionary),
    (sf.parse_list, sf.write_list),
    (sf.parse_item, lambda item: sf.write_list([item])),
)


def seeds() -> list[bytes]:
    """Return fields of recorded messages and requests, and some that the RFC shows."""
    headers = [tabm(each["httpsig"]["headers"]) for each in recorded.hyperbeam_messages()]
    lines = [line.partition(b": ") for raw in recorded.requests() for line in raw.split(b"\r\n")]
    return [
        *(each[name] for each in headers for name in NAMES if name in each),
        *(value for name, _, value in lines if name.decode("latin-1") in NAMES),
        b'a=?0, b, c; foo=bar, rating=1, feelings=(joy sadness);q=-12, d=:cHJldGVuZA==:, e="\\""',
        b'("foo"; a=1;b=2);lvl=5, ("bar" "baz");lvl=1, text/html;charset=utf-8',
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    for parse, write in FORMS:
        try:
            found = parse(raw)
        except SchedulerError:
            continue
        written = write(found)
        again = parse(written)
        assert again == found
        assert write(again) == written
        assert len(written) <= 4 * len(raw)
