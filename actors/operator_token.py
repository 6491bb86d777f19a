"""The operator's token: who has it may do over HTTP what only the node's operator may.

It lies in the data folder, for its owner's eyes only: who can read that folder is the operator.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from seriatim.actors.new_file import new_file
from seriatim.actors.private_file import read_private
from seriatim.formats.errors import FormatError, StoreError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.limits import OPERATOR_TOKEN_BYTES
from seriatim.store.folder import FILE_MODE, DataFolder


def token_file(path: Path) -> Path:
    """Return where the token of the data folder *path* is."""
    return DataFolder(path).operator_token


def make_folder_token(path: Path, *, entropy: Callable[[int], bytes]) -> str:
    """Return the token of the data folder *path*; make both the first time one is needed.

    Args:
        path: the data folder.
        entropy: gives that many random bytes.

    Raises:
        StoreError: as for `read_token`, or it cannot be made.
    """
    folder = DataFolder(path)
    folder.create()
    file_path = folder.operator_token
    if not file_path.exists():
        text = b64url(entropy(OPERATOR_TOKEN_BYTES))
        try:
            # Somebody else may make it at this moment: theirs it is then.
            with (
                suppress(FileExistsError),
                new_file(file_path, mode=FILE_MODE, may_replace=False) as file,
            ):
                file.write(text.encode() + b"\n")
        except OSError as error:
            raise StoreError(f"{file_path} cannot be made: {error.strerror}") from error
    return read_folder_token(path)


def read_folder_token(path: Path) -> str:
    """Return the token of the data folder *path*, where a node has made one.

    Raises:
        StoreError: as for `read_token`.
    """
    return read_token(DataFolder(path).operator_token, is_private=True)


def read_token(path: Path, *, is_private: bool = False) -> str:
    """Return the token in the file *path*: 43 characters of base64url; see `read_private`.

    Raises:
        StoreError: there is no such file, others may open it, or it holds no token.
    """
    text = read_private(path, "token", is_private=is_private).decode("ascii", "replace")
    return parse_token(text, str(path))


def parse_token(text: str, source: str) -> str:
    """Return the token that *text* is, which has come from *source*.

    Raises:
        StoreError: it is none.
    """
    token = text.strip()
    try:
        is_token = len(b64url_decode(token)) == OPERATOR_TOKEN_BYTES
    except FormatError:
        is_token = False
    if not is_token:
        raise StoreError(f"{source} holds no token, which is 43 characters of base64url")
    return token
