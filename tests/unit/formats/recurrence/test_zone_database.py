"""Which edition of the time zone database is in use."""

from __future__ import annotations

from pathlib import Path

import pytest
import tzdata

from seriatim.formats.recurrence import zone_database
from seriatim.formats.recurrence.zone_database import read_zone, zone_names

_version = zone_database.zone_database_version.__wrapped__


def machine(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str | None) -> None:
    """Let *folder* be the machine's database, with *text* as the file that says which one."""
    (folder / "UTC").touch()
    if text is not None:
        (folder / "tzdata.zi").write_text(text)
    monkeypatch.setattr(zone_database, "TZPATH", ("/no/such/folder", str(folder)))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# version 2026a\n# more\n", "2026a"),
        (None, ""),
        ("\xe9", ""),
    ],
)
def test_the_machine_says_which_edition_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, version: str
) -> None:
    machine(monkeypatch, tmp_path, text)
    assert _version() == version


def test_without_one_it_is_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zone_database, "TZPATH", (str(tmp_path),))
    assert _version() == tzdata.IANA_VERSION


def test_zones_are_known_by_their_names_only() -> None:
    assert read_zone("Europe/Paris").key == "Europe/Paris"
    assert {"UTC", "America/Argentina/Ushuaia"} < zone_names()
    assert not {"localtime", "Factory", "posixrules", "zone.tab"} & zone_names()
