"""The time zone database: zones by name, and which edition it is.

The machine's own comes before that of the package ``tzdata``, as `zoneinfo` has it. The one file of
this room that reads the system; what it has read stays as it is.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import tzdata

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import ZONE_NAME_SHOWN_CHARS

# Files of the database that are no places: "unknown", and whatever this machine is set to.
_NO_ZONES: Final = frozenset({"Factory", "localtime"})


def read_zone(name: str) -> ZoneInfo:
    """Return the zone with the IANA name *name*, such as ``Europe/Paris`` or ``UTC``.

    Raises:
        MalformedError: there is none (``unknown_zone``); the sentence names those that are close.
    """
    if name not in zone_names():
        raise MalformedError(_unknown(name), code="unknown_zone")
    return ZoneInfo(name)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones. In their own case: some file systems know no other."""
    return frozenset(available_timezones()) - _NO_ZONES


@cache
def zone_database_version() -> str:
    """Return the edition of the database, such as ``2026a``; empty where it does not say."""
    for folder in map(Path, TZPATH):
        if (folder / "UTC").exists():
            return _version_of(folder)
    return str(tzdata.IANA_VERSION)


def _version_of(folder: Path) -> str:
    """Return what the first line of ``tzdata.zi`` says: ``# version 2026a``."""
    try:
        with (folder / "tzdata.zi").open(encoding="ascii") as file:
            return file.readline(64).removeprefix("# version ").strip()
    except (OSError, UnicodeError):
        return ""


def _unknown(name: str) -> str:
    lower = {known.lower(): known for known in sorted(zone_names())}
    shown = name[:ZONE_NAME_SHOWN_CHARS]
    close = get_close_matches(shown.lower(), lower, n=3, cutoff=0.8)
    if not close:  # a city, or half of one
        parts = {known.rpartition("/")[2]: known for known in lower}
        close = [parts[part] for part in get_close_matches(shown.lower(), parts, n=3, cutoff=0.75)]
    hint = (
        f"did you mean {' or '.join(lower[each] for each in close)}?"
        if close
        else "name one of the IANA database, such as Europe/Paris or UTC"
    )
    edition = zone_database_version() or "of an edition that it does not say"
    return f"the time zone database, {edition}, has no {shown!r}; {hint}"
