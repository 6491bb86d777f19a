"""What a command reads: files and pipes, as much as a node takes and no more; JSON in options."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import typer

from seriatim.formats.errors import FormatError, LimitExceededError
from seriatim.formats.limits import BODY_MAX_BYTES


def read_body(file: BinaryIO) -> bytes:
    """Return all of *file*, which may be a pipe without an end.

    Raises:
        LimitExceededError: it has over ``BODY_MAX_BYTES``; no node would take it.
        OSError: it cannot be read.
    """
    try:
        raw = file.read(BODY_MAX_BYTES + 1)
    except OSError as error:  # which names a file only where it could not be opened
        raise OSError(error.errno, error.strerror, file.name) from error
    if len(raw) > BODY_MAX_BYTES:
        raise LimitExceededError("bytes read of a file", given=len(raw), maximum=BODY_MAX_BYTES)
    return raw


def read_map(option: str, text: str) -> dict[str, Any]:
    """Return the JSON map *text*, which was given as *option*.

    Raises:
        typer.BadParameter: it is none, or holds what a node would not read.
    """
    from seriatim.formats.codecs.json import parse_json

    try:
        plain = parse_json(os.fsencode(text))  # an argument that is no UTF-8 is no JSON either
    except FormatError as error:
        raise typer.BadParameter(f"{option}: {error}") from error
    if not isinstance(plain, dict):
        raise typer.BadParameter(f"{option}: expected a JSON map, found {text[:64]!r}")
    return plain
