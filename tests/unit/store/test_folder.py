"""The names in a data folder, and who may open them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seriatim.formats.errors import StoreError
from seriatim.store.folder import DataFolder, create_private_file


def test_a_data_folder_names_what_is_in_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert [folder.log, folder.lock, folder.wallet] == [
        tmp_path / "log",
        tmp_path / "node.lock",
        tmp_path / "wallet.json",
    ]


def test_every_folder_that_is_made_is_open_to_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "b")
    folder.create()
    folder.create()
    for made in (folder.path, folder.path.parent):
        assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    """Somebody may give ``/tmp`` or a home folder; shutting others out of it would do harm."""
    tmp_path.chmod(0o755)
    DataFolder(tmp_path).create()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_folder_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is not a folder"):
        DataFolder(tmp_path / "file" / "data").create()


def test_a_file_that_is_there_keeps_its_content_and_loses_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "data.mdb"
    path.write_text("content")
    path.chmod(0o644)
    create_private_file(path)
    assert path.read_text() == "content"
    assert path.stat().st_mode & 0o777 == 0o600


def test_many_may_make_one_folder_at_the_same_moment(tmp_path: Path) -> None:
    def create(number: int) -> None:
        DataFolder(tmp_path / f"{number // 4}" / "deep" / "data").create()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, range(200)))
