"""Definitions of triggers as the API takes them: read twice they are the same."""

from __future__ import annotations

import orjson
from yarl import URL

from seriatim.formats.codecs.json import message_from_plain, parse_json, value_to_plain
from seriatim.formats.errors import FormatError, UnsupportedError
from seriatim.formats.triggers.definition import Definition, read_definition
from seriatim.gateway.http.hyperbeam.own_path import check_stays_here

NOW_MS = 1_774_602_000_000


def seeds() -> list[bytes]:
    """Return one for each kind of action, right and nearly so."""
    process = "A" * 43
    said = [
        {"when": "@daily", "path": "/~scheduler@1.0/status?a=1&b=%2f", "overlap": "queue"},
        {"when": "5-minutes", "path": "/push", "method": "POST", "body+base64url": "_-8"},
        {"when": "@daily", "path": "@evil.example/"},
        {"when": "@daily", "path": "//evil.example/"},
        {"when": "@daily", "path": "/x?target=y?hint=http://evil.example"},
        {"when": "0 9 * * 1", "tz": "Europe/Paris", "process": process, "message": {"a": [1]}},
        {"when": "every 2h", "start": "now", "end": "2030-01-01", "jitter": "5s", "function": "f"},
        {"watch": {"kind": "slots", "process": process}, "path": "/", "name": "a name"},
        {"when": "30 2 * * *", "gap": "skip", "fold": "both", "misfire": "all", "window": "1 day"},
    ]
    return [orjson.dumps(each) for each in said]


def read(raw: bytes) -> Definition | None:
    """Return the definition that *raw* is; ``None`` where it is none."""
    try:
        definition = read_definition(message_from_plain(parse_json(raw)).fields, now_ms=NOW_MS)
        if definition.path:
            check_stays_here(definition.path)
    except (FormatError, UnsupportedError):
        return None
    return definition


def check(raw: bytes) -> None:
    """See ``target.py``."""
    definition = read(raw)
    if definition is None:
        return
    again = read(orjson.dumps(value_to_plain(definition.fields)))
    assert again is not None, "what was read is read again"
    assert (again, again.id) == (definition, definition.id)
    assert Definition.from_fields(definition.fields) == definition
    if definition.path:
        url = URL(f"http://node{definition.path}", encoded=True)
        assert url.host == "node", "another one is asked"
        assert url.raw_path_qs == definition.path.removesuffix("?"), "another path is asked"
