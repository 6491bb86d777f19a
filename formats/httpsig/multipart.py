"""Bodies of several parts, with a boundary that follows from the parts.

Source: HyperBEAM's ``httpsig@1.0``; close to RFC 7578, but header names of a part are any keys, and
parts are found by the boundary alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url
from seriatim.formats.limits import MULTIPART_LINES_MAX, MULTIPART_PARTS_MAX

DISPOSITION: Final = "content-disposition"

_CRLF: Final = b"\r\n"
_INLINE: Final = b"inline"
_PARAMETER: Final = re.compile(rb';([^=;]*)=\s*(?:"([^"]*)"|([^;]*))')


class Part(NamedTuple):
    """One part of a body.

    Attributes:
        name: its name; ``None`` for the one that is ``inline``.
        headers: what it says beside its disposition.
        body: what follows the headers; ``None`` where nothing does.
    """

    name: str | None
    headers: Mapping[str, bytes]
    body: bytes | None


def join_parts(written: Sequence[bytes]) -> tuple[str, bytes]:
    """Return ``(boundary, body)`` of parts that `write_part` has written, in their order."""
    boundary = b64url(sha256(_CRLF.join(written)).digest())
    mark = b"--" + boundary.encode()
    lines = [mark + _CRLF + each for each in written]
    return boundary, _CRLF.join([*lines, mark + b"--"])


def read_parts(body: bytes, boundary: str) -> list[Part]:
    """Return the parts of *body*, which *boundary* parts.

    Raises:
        MalformedError: no part, or one without a disposition; code ``bad_multipart``.
        LimitExceededError: more than ``MULTIPART_PARTS_MAX`` parts, or ``MULTIPART_LINES_MAX``
            lines in all of them.
    """
    mark = b"--" + boundary.encode("utf-8", "surrogatepass")
    first, last = body.find(mark + _CRLF), body.find(_CRLF + mark + b"--")
    if not boundary or first < 0 or last < first + len(mark):
        raise _bad("the body does not hold the boundary that its content type names")
    inner = body[first + len(mark) : last]
    count = inner.count(_CRLF + mark) + 1
    if count > MULTIPART_PARTS_MAX:
        raise LimitExceededError("parts", given=count, maximum=MULTIPART_PARTS_MAX)
    parts = [_read(raw) for raw in inner.split(_CRLF + mark)]
    lines = sum(len(part.headers) for part in parts)
    if lines > MULTIPART_LINES_MAX:
        raise LimitExceededError("lines of parts", given=lines, maximum=MULTIPART_LINES_MAX)
    return parts


def boundary_of(content_type: bytes) -> str | None:
    """Return the boundary that a content type names, the first one of several; ``None`` for none.

    Continued and encoded parameters (RFC 2231) are no boundaries.
    """
    for found in _PARAMETER.finditer(content_type):
        name, quoted, plain = found.groups()
        if name.strip().lower() == b"boundary":
            return (plain.strip() if quoted is None else quoted).decode("latin-1")
    return None


def write_part(part: Part) -> bytes:
    """Return the bytes of *part* between two boundaries."""
    named = b"" if part.name is None else b'form-data;name="%b"' % part.name.encode()
    headers = {**part.headers, DISPOSITION: named or _INLINE}
    lines = [b"%b: %b" % (key.encode(), value) for key, value in sorted(headers.items())]
    if part.body is None:
        return _CRLF.join(lines)
    return _CRLF.join(lines) + _CRLF + _CRLF + part.body


def _read(raw: bytes) -> Part:
    head, has_body, body = raw.removeprefix(_CRLF).partition(_CRLF + _CRLF)
    headers: dict[str, bytes] = {}
    count = head.count(_CRLF) + 1
    if count > MULTIPART_LINES_MAX:
        raise LimitExceededError("lines of a part", given=count, maximum=MULTIPART_LINES_MAX)
    for line in head.split(_CRLF):
        key, is_pair, value = line.partition(b": ")
        name = _key(key)
        if len(name) == len(DISPOSITION) and name.lower() == DISPOSITION:
            # Keys of a message keep their case; the one name that HTTP knows has none.
            name = DISPOSITION
        if is_pair:
            if name in headers:
                raise _bad(f"a part says {name[:64]!r} twice")
            headers[name] = value
        elif line:
            raise _bad("a line of a part is no header")
    disposition = headers.pop(DISPOSITION, None)
    if disposition is None:
        raise _bad("a part has no content-disposition")
    return Part(_name(disposition), headers, body if has_body else None)


def _name(disposition: bytes) -> str | None:
    if disposition.strip() == _INLINE:
        return None
    kind, _, rest = disposition.partition(b";")
    key, _, value = rest.strip().partition(b"=")
    if kind.strip() != b"form-data" or key != b"name" or len(value) <= len(b'""'):
        raise _bad("a part is neither inline nor named")
    return _key(value.removeprefix(b'"').removesuffix(b'"'))


def _key(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("a name is not UTF-8") from error


def _bad(reason: str) -> MalformedError:
    return MalformedError(f"a body of several parts is malformed: {reason}", code="bad_multipart")
