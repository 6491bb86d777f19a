"""The header ``Prefer``: whatever else a line says, a wait before it counts."""

from __future__ import annotations

from seriatim.gateway.http.preference import preferred_wait_s


def seeds() -> list[bytes]:
    """Return lines as RFC 7240 shows them, and one of each form that a preference has."""
    return [
        b"wait=10",
        b"respond-async, wait=10; strict",
        b'Lenient , WAIT = "7";a;b="c,\\"d" ; ; e = f,handling=lenient',
        b'foo; foo="\\\\", return=minimal,, wait=100',
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    line = raw.decode("utf-8", "surrogateescape")  # as aiohttp hands it in
    wait_s = preferred_wait_s([line])
    assert wait_s is None or 0 <= wait_s < 10**9
    assert preferred_wait_s(["wait=7," + line]) == 7
    assert preferred_wait_s(["a, Wait = 7", line]) == 7
