"""The operator's token: made once, for its owner's eyes only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from seriatim.actors import operator_token
from seriatim.actors.operator_token import make_folder_token, read_token
from seriatim.formats.errors import StoreError
from seriatim.formats.ids import b64url


def entropy(count: int) -> bytes:
    return bytes(range(count))


def test_a_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    token = make_folder_token(folder, entropy=entropy)
    file = folder / "operator-token"
    assert token == b64url(bytes(range(32)))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f"{token}\n"
    assert make_folder_token(folder, entropy=lambda count: b"\xff" * count) == token
    assert [each.name for each in folder.iterdir()] == ["operator-token"]


def test_of_two_that_make_it_at_once_both_have_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_folder_token(tmp_path, entropy=entropy)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert make_folder_token(tmp_path, entropy=lambda count: b"\xff" * count) == first


def test_a_token_that_others_may_read_is_none(tmp_path: Path) -> None:
    make_folder_token(tmp_path, entropy=entropy)
    (tmp_path / "operator-token").chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        make_folder_token(tmp_path, entropy=entropy)
    assert read_token(tmp_path / "operator-token"), "who names a file knows where it lies"


@pytest.mark.parametrize("content", ["", "short", "A" * 42, "A" * 44, "A" * 42 + "=", "ü" * 43])
def test_a_file_that_holds_none_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "operator-token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(StoreError, match="holds no token"):
        read_token(file)


def test_a_token_cannot_be_made_where_nothing_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(operator_token, "new_file", full)
    with pytest.raises(StoreError, match="No space left"):
        make_folder_token(tmp_path, entropy=entropy)
    with pytest.raises(StoreError, match="cannot be read"):
        read_token(tmp_path / "operator-token")
