"""Which key of a TABM goes where in an HTTP message, and back.

Short values are headers, one value is the body, and what else is long or nested is a part of it.
Source: HyperBEAM, May 2025; ``docs/protocol/hyperbeam.md`` says which forms are read and written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from seriatim.formats.errors import MalformedError
from seriatim.formats.httpsig.multipart import Part, boundary_of, join_parts, read_parts, write_part
from seriatim.formats.limits import HTTPSIG_HEADER_MAX_BYTES
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.flat import unflatten
from seriatim.formats.tabm.model import COMMITMENTS_KEY, Tabm, is_id, normal_key, public

BODY: Final = "body"
BODY_KEYS: Final = "body-keys"
CONTENT_TYPE: Final = "content-type"
DIGEST: Final = "content-digest"
INLINE_KEY: Final = "inline-body-key"
SIGNATURE: Final = "signature"
SIGNATURE_INPUT: Final = "signature-input"

IDS: Final = "ao-ids"
INLINE_KEY_LATER: Final = "ao-body-key"
NOT_PLACED: Final = frozenset({COMMITMENTS_KEY, SIGNATURE, SIGNATURE_INPUT})

_Entry = bytes | dict[str, bytes]


class HttpMessage(NamedTuple):
    """Headers, by lower-case name (ids keep their case), and a body; empty for none."""

    headers: dict[str, bytes]
    body: bytes


def place(tabm: Tabm) -> HttpMessage:
    """Return *tabm* as headers and a body, without its commitments and private keys.

    Raises:
        LimitExceededError: nested too deep.
    """
    return place_fields(placed_fields(tabm))


def placed_fields(tabm: Tabm) -> dict[str, bytes | Tabm]:
    """Return what of *tabm* has a place, sorted: all but its commitments and private keys.

    Raises:
        LimitExceededError: nested too deep.
    """
    return {key: value for key, value in public(tabm).items() if key not in NOT_PLACED}


def place_fields(fields: Mapping[str, bytes | Tabm]) -> HttpMessage:
    """Return *fields*, which are `placed_fields`, as headers and a body."""
    headers, body = lay_out(fields)
    if body:
        digest = sf.Item(sf.Binary(sha256(body).digest()))
        headers[DIGEST] = sf.write_dictionary({"sha-256": digest})
    return HttpMessage(dict(sorted(headers.items())), body)


def header_names(tabm: Tabm) -> set[str]:
    """Return the names of the headers that *tabm* has when it is placed.

    Raises:
        LimitExceededError: nested too deep.
    """
    headers, body = lay_out(placed_fields(tabm))
    return {*headers, DIGEST} if body else {*headers}


def lay_out(fields: Mapping[str, bytes | Tabm]) -> HttpMessage:
    """Return *fields* as `place_fields` does, but in any order and without the body's digest."""
    headers: dict[str, bytes] = {}
    inline = inline_key(fields)
    if inline != BODY and not {INLINE_KEY, INLINE_KEY_LATER} & fields.keys():
        # A reader could not guess it.
        headers[INLINE_KEY] = inline.encode()
    inner: dict[str, bytes | Tabm] = {}
    ids: dict[str, sf.Item | sf.InnerList] = {}
    for key, value in fields.items():
        if not isinstance(value, bytes) or is_in_body(key, value, inline):
            inner[key] = value
        elif is_id(key):
            ids[key] = sf.Item(value)
        else:
            headers[key] = value
    if ids:
        headers[IDS] = sf.write_dictionary(ids)
    body = _place_body(dict(_entries(inner, "")), inline, headers)
    return HttpMessage(headers, body)


def gather(message: HttpMessage) -> dict[str, bytes | Tabm]:
    """Return the TABM that *message* holds; ``signature`` and ``signature-input`` stay keys.

    The digest of the body is left out, and not looked at: see `check_digest`.

    Raises:
        MalformedError: its parts cannot be told apart, or stand for one key twice.
        LimitExceededError: too many parts or levels.
    """
    headers = {normal_key(key): value for key, value in message.headers.items()}
    inline = headers.get(INLINE_KEY) or headers.get(INLINE_KEY_LATER) or BODY.encode()
    values: dict[str, bytes | Tabm] = dict(headers)
    values.pop(DIGEST, None)
    values.pop(BODY_KEYS, None)
    values.update(_read_ids(values.pop(IDS, b"")))
    boundary = boundary_of(headers.get(CONTENT_TYPE, b""))
    if boundary is None or not message.body:
        if message.body:
            values[_text(inline)] = message.body
        return unflatten(values)
    parts = [_named(part, _text(inline)) for part in read_parts(message.body, boundary)]
    values[BODY_KEYS] = sf.write_list(sf.Item(name.partition("/")[0].encode()) for name, _ in parts)
    for name, value in parts:
        if name in values:
            raise MalformedError(f"{name[:64]!r} stands twice", code="bad_multipart")
        values[name] = value
    return unflatten(values)


def check_digest(message: HttpMessage) -> None:
    """Return unless ``content-digest`` names another SHA-256 than the body has.

    HyperBEAM does not look: its signatures cover a digest that it makes anew.

    Raises:
        MalformedError: code ``bad_digest``; or the header cannot be read.
    """
    named = sf.parse_dictionary(message.headers.get(DIGEST, b"")).get("sha-256")
    if named is not None and named != sf.Item(sf.Binary(sha256(message.body).digest())):
        raise MalformedError(
            "the body is not what content-digest says; send the body that was signed",
            code="bad_digest",
        )


def inline_key(fields: Mapping[str, bytes | Tabm]) -> str:
    """Return which key of *fields* is the body itself, where it is the only one in there.

    Raises:
        MalformedError: what names it is not UTF-8; code ``bad_multipart``.
    """
    for name in (INLINE_KEY, INLINE_KEY_LATER):
        explicit = fields.get(name)
        if isinstance(explicit, bytes):
            return _text(explicit)
    return "data" if BODY not in fields and "data" in fields else BODY


def is_in_body(key: str, value: bytes | Tabm, inline: str) -> bool:
    """Tell whether *key* with *value* travels in the body; *inline* is the message's inline key."""
    if not isinstance(value, bytes) or key in (BODY, inline):
        return True
    return len(value) > HTTPSIG_HEADER_MAX_BYTES and not is_id(key)


def _entries(inner: Mapping[str, bytes | Tabm], prefix: str) -> Iterator[tuple[str, _Entry]]:
    """Yield what becomes a part: each map with its short values, each long value by itself."""
    for key, value in inner.items():
        if isinstance(value, bytes):
            if not prefix or len(value) > HTTPSIG_HEADER_MAX_BYTES:
                yield prefix + key, value
            continue
        short = {
            name: child
            for name, child in value.items()
            if isinstance(child, bytes) and len(child) <= HTTPSIG_HEADER_MAX_BYTES
        }
        if short:
            yield prefix + key, short
        yield from _entries(value, f"{prefix}{key}/")


def _place_body(entries: dict[str, _Entry], inline: str, headers: dict[str, bytes]) -> bytes:
    only = entries.get(inline)
    if not entries:
        return b""
    if len(entries) == 1 and isinstance(only, bytes):
        return only
    written = sorted(_written(entries, inline))
    boundary, body = join_parts([part for _, part in written])
    headers[CONTENT_TYPE] = multipart_type(boundary)
    headers[BODY_KEYS] = sf.write_list(sf.Item(name.encode()) for name, _ in written)
    return body


def multipart_type(boundary: str) -> bytes:
    """Return the content type of a body whose parts *boundary* parts."""
    return f'multipart/form-data; boundary="{boundary}"'.encode()


def write_entries(tabm: Tabm) -> list[tuple[str, bytes]]:
    """Return what stands in the body for *tabm*, whose values are maps: names and written parts.

    A body holds its parts in the order of their names.
    """
    return list(_written(dict(_entries(tabm, "")), BODY))


def _written(entries: Mapping[str, _Entry], inline: str) -> Iterator[tuple[str, bytes]]:
    for name, entry in entries.items():
        yield name, write_part(_part(name, entry, inline))


def _part(name: str, entry: _Entry, inline: str) -> Part:
    shown = None if name == inline else name
    if isinstance(entry, bytes):
        return Part(shown, {}, entry)
    headers = {key: value for key, value in entry.items() if key != BODY}
    if not headers:
        # Written as any other part it would be read back as plain bytes.
        shown = f"{name}/{BODY}"
    return Part(shown, headers, entry.get(BODY))


def _named(part: Part, inline: str) -> tuple[str, bytes | Tabm]:
    name = inline if part.name is None else part.name
    if not part.headers:
        return name, part.body or b""
    if part.body is None:
        return name, part.headers
    return name, {**part.headers, BODY: part.body}


def _read_ids(raw: bytes | Tabm) -> dict[str, bytes]:
    if not isinstance(raw, bytes):
        return {}
    ids: dict[str, bytes] = {}
    for key, item in sf.parse_dictionary(raw).items():
        if not isinstance(item, sf.Item) or not isinstance(item.value, bytes):
            raise MalformedError(f"{IDS} holds something else than text", code="bad_multipart")
        ids[key] = item.value
    return ids


def _text(raw: bytes) -> str:
    try:
        return normal_key(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError(f"{INLINE_KEY} is not UTF-8", code="bad_multipart") from error
