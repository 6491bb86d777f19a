"""What is installed is what the repository shows: the wheel follows the links (ADR 1)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from tests.support.tidy import PRODUCT_FOLDERS

ROOT: Final = Path(__file__).parents[1]


def test_each_link_leads_to_its_folder() -> None:
    for folder in PRODUCT_FOLDERS:
        link = ROOT / "src" / "seriatim" / folder
        assert link.is_symlink()
        assert not link.readlink().is_absolute()
        assert link.samefile(ROOT / folder)


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_document_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(_copied(tmp_path))],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("seriatim-*.whl")
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = ROOT / "src" / "seriatim"
    expected = {f"seriatim/{path.name}" for path in package.iterdir() if path.is_file()}
    expected |= {f"seriatim/testing/{path.name}" for path in (package / "testing").glob("*.py")}
    expected |= {
        f"seriatim/{path.relative_to(ROOT).as_posix()}"
        for folder in PRODUCT_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".json")
    }
    assert held == expected


def _copied(tmp_path: Path) -> Path:
    """Return a copy of what a build needs: building leaves files behind."""
    copy = tmp_path / "source"
    copy.mkdir()
    parts = ["pyproject.toml", "README.md", "LICENSE", "src", *PRODUCT_FOLDERS]
    subprocess.run(["cp", "-R", *parts, str(copy)], cwd=ROOT, check=True)
    return copy
