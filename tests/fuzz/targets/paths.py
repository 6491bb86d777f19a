"""HyperBEAM's paths: what is read is written and read again as the same steps and keys."""

from __future__ import annotations

from itertools import chain
from urllib.parse import quote

from seriatim.formats.errors import LimitExceededError, SchedulerError
from seriatim.formats.limits import HTTP_KEYS_MAX, HTTP_SEGMENTS_MAX
from seriatim.gateway.http.hyperbeam.path import Keys, Path, Step, parse_path
from tests.fuzz import seeds as recorded


def seeds() -> list[bytes]:
    """Return the targets of recorded requests, and one of each form that a segment has."""
    return [
        *recorded.request_targets(),
        b"/~scheduler@1.0/schedule%3Faccept=application/aos-2&from+integer=1&to=%31",
        b"/id~process@1.0&slot+integer=7&a=b/now/x&key?1.key=v&0.accept=json&flag",
    ]


def check(raw: bytes) -> None:
    """See ``target.py``."""
    target = raw.decode("utf-8", "surrogateescape")  # as aiohttp hands it in
    try:
        path = parse_path(target)
    except SchedulerError:
        return
    assert len(path.steps) <= HTTP_SEGMENTS_MAX
    for keys in chain([path.query], (step.keys for step in path.steps)):
        assert len(keys) <= HTTP_KEYS_MAX
    for index in range(len(path.steps)):
        try:
            path.keys_at(index)
            path.values_at(index)
        except SchedulerError:
            continue
    check_written(path)


def check_written(path: Path) -> None:
    """Return when *path* comes back from its own text."""
    text = "/".join(map(write_step, path.steps)) + "?" + write_keys(path.query)
    try:
        again = parse_path(text)
    except LimitExceededError:
        return  # a segment is longer when everything in it is escaped
    assert again == path


def write_step(step: Step) -> str:
    """Return a segment."""
    keys = write_keys(step.keys)
    device = f"~{escape(step.device)}" if step.device else ""
    return (escape(step.name) + device or "~") + (f"&{keys}" if keys else "")


def write_keys(keys: Keys) -> str:
    """Return keys as a query has them."""
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in keys.items())


def escape(text: str) -> str:
    """Return *text* escaped, but for what was no UTF-8 when it came."""
    return "".join(char if "\udc80" <= char <= "\udcff" else quote(char, safe="") for char in text)
