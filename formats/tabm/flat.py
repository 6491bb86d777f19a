"""``flat@1.0``: one line per value, paths joined with slashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import JSON_DEPTH_MAX
from seriatim.formats.tabm.model import Tabm, check_depth, public


def flatten(tabm: Tabm) -> dict[str, bytes]:
    """Return the values of *tabm* by path, sorted. Maps that hold no value are gone."""
    return dict(sorted(_walk(public(tabm), "")))


def unflatten(values: Mapping[str, bytes | Tabm]) -> dict[str, bytes | Tabm]:
    """Return the TABM whose paths are the keys of *values*; maps may meet, nothing else.

    Raises:
        MalformedError: a path ends where another one goes on; code ``bad_path``.
        LimitExceededError: nested deeper than ``JSON_DEPTH_MAX``.
    """
    tabm: dict[str, bytes | Tabm] = {}
    for path, value in values.items():
        if "/" not in path:
            _put(tabm, path, value)
            continue
        *way, name = path.split("/", JSON_DEPTH_MAX)
        check_depth(len(way) + 1)
        _put(_descend(tabm, way), name, value)
    return tabm


def encode_flat(tabm: Tabm) -> bytes:
    """Return *tabm* as lines ``path: value``, each ended by a line feed."""
    return b"".join(b"%b: %b\n" % (path.encode(), value) for path, value in flatten(tabm).items())


def decode_flat(raw: bytes) -> dict[str, bytes | Tabm]:
    """Return the TABM in *raw*; lines that are not ``path: value`` are passed over.

    Raises:
        MalformedError, LimitExceededError: see `unflatten`; a path that is not UTF-8 too.
    """
    values: dict[str, bytes | Tabm] = {}
    for line in raw.split(b"\n"):
        parts = line.split(b": ")
        if len(parts) == 2:  # noqa: PLR2004  # a pair
            values[_path(parts[0])] = parts[1]
    return unflatten(values)


def _walk(tabm: Tabm, prefix: str) -> Iterator[tuple[str, bytes]]:
    for key, value in tabm.items():
        if isinstance(value, bytes):
            yield prefix + key, value
        else:
            yield from _walk(value, f"{prefix}{key}/")


def _descend(tabm: dict[str, bytes | Tabm], way: list[str]) -> dict[str, bytes | Tabm]:
    for name in way:
        child = tabm.setdefault(name, {})
        if not isinstance(child, dict):
            raise _collision(name)
        tabm = child
    return tabm


def _put(tabm: dict[str, bytes | Tabm], name: str, value: bytes | Tabm) -> None:
    known = tabm.get(name)
    if known is None:
        tabm[name] = value if isinstance(value, bytes) else dict(value)
    elif isinstance(known, dict) and not isinstance(value, bytes):
        for key, child in value.items():
            _put(known, key, child)
    else:
        raise _collision(name)


def _path(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("a path is not UTF-8", code="bad_path") from error


def _collision(name: str) -> MalformedError:
    return MalformedError(f"{name[:64]!r} stands for two values", code="bad_path")
