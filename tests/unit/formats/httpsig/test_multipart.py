"""Which boundary a content type names: anybody can send one."""

from __future__ import annotations

import pytest

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.httpsig.multipart import boundary_of, read_parts
from seriatim.formats.limits import MULTIPART_LINES_MAX


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b'multipart/form-data; boundary="B"', "B"),
        (b"multipart/form-data;boundary=B", "B"),
        (b"multipart/form-data; charset=x ; Boundary = B ; x=y", "B"),
        (b'multipart/form-data; x="; boundary=A"; boundary=B', "B"),
        (b"multipart/form-data; boundary=B; boundary=C", "B"),
        (b'multipart/form-data; boundary="a b;c"', "a b;c"),
        (b'multipart/form-data; boundary=""', ""),
        (b'multipart/form-data; boundary="B', '"B'),
        (b"multipart/form-data; boundary=\xff", "\xff"),
        (b"multipart/form-data", None),
        (b"boundary=B", None),
        (b"multipart/form-data; boundary", None),
        (b"", None),
    ],
)
def test_the_boundary_is_the_parameter_of_that_name(
    content_type: bytes, boundary: str | None
) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary*0=a; boundary*=b",
        b"multipart/form-data; boundary*" + b"1" * 5_000 + b"=a",
        b"multipart/form-data; boundary*=utf-8''a",
    ],
)
def test_a_boundary_in_pieces_or_encoded_is_none(content_type: bytes) -> None:
    """Python's parser of mail raises what is not ours for the first two."""
    assert boundary_of(content_type) is None


@pytest.mark.parametrize("parts", [1, 3])
def test_lines_of_parts_are_bounded_in_one_and_in_all(parts: int) -> None:
    lines = b"\r\n".join(b"k%d: v" % number for number in range(MULTIPART_LINES_MAX // parts + 1))
    body = b"\r\n".join(
        b'--B\r\ncontent-disposition: form-data;name="%d"\r\n%b' % (number, lines)
        for number in range(parts)
    )
    with pytest.raises(LimitExceededError, match="lines"):
        read_parts(body + b"\r\n--B--", "B")
