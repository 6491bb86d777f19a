"""A file as an argument of a job, or as its result: it stays where it is, and nothing is copied."""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Final, Self

from msgspec import Meta

from seriatim.actors.executor.called import BadArgumentsError
from seriatim.formats.errors import NotFoundError, UnavailableError
from seriatim.formats.limits import MAPPED_PATH_MAX_CHARS

# Else a pipe would be waited for, for ever.
_OPEN_FLAGS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A file that whoever runs the job can open; in JSON, a map of these.

    Attributes:
        path: where it is, on the machine of the worker.
        size_bytes: how large it is.
        sha256: of its content, in 64 hexadecimal digits; empty where nobody has hashed it.
    """

    path: Annotated[str, Meta(min_length=1, max_length=MAPPED_PATH_MAX_CHARS)]
    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""

    @classmethod
    def of(cls, path: str | Path, *, hashed: bool = False) -> Self:
        """Return the file at *path* as it is now.

        Args:
            path: from wherever; it is kept from the root.
            hashed: whether its content is read, once and in pieces, so that it can be verified.

        Raises:
            NotFoundError, UnavailableError, BadArgumentsError: as for `view`.
        """
        whole = Path(path).absolute()
        with _open(str(whole)) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            digest = file_digest(file, "sha256").hexdigest() if hashed else ""
        return cls(str(whole), size_bytes, digest)

    def view(self, *, verified: bool = False) -> memoryview:
        """Return its bytes, mapped to be read: what nobody looks at is not read from the disk.

        They are unmapped when nobody has the view, or a part of it, any more.

        Args:
            verified: whether its content is hashed first, all of it.

        Raises:
            NotFoundError: there is no such file on this machine.
            UnavailableError: it cannot be opened, or mapped.
            BadArgumentsError: it is no file, has another size, or has not the content that was
                hashed: it is not what was submitted.
        """
        with _open(self.path) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes != self.size_bytes:
                raise BadArgumentsError(
                    f"{self.path} has {size_bytes} bytes, and had {self.size_bytes}"
                )
            view = memoryview(_map(file, self.path) if size_bytes else b"")
        if verified and sha256(view).hexdigest() != self.sha256:
            had = "another content" if self.sha256 else "no hash: MappedFile.of(path, hashed=True)"
            raise BadArgumentsError(f"{self.path} had {had}")
        return view


def _open(path: str) -> BufferedReader:
    try:
        file = open(path, "rb", opener=_opener)  # noqa: SIM115  # who asks closes it
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path} on this machine") from error
    except (OSError, ValueError) as error:  # a name with a NUL is no value
        raise UnavailableError(f"{path} cannot be opened: {error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BadArgumentsError(f"{path} is no file")
    return file


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _OPEN_FLAGS)


def _map(file: BufferedReader, path: str) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # no memory that it could be at, or it is empty by now
        raise UnavailableError(f"{path} cannot be mapped: {error}") from error
