"""HyperBEAM's recorded messages: rich values, TABM, and the codecs without signatures."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from seriatim.formats.errors import FormatError, MalformedError
from seriatim.formats.httpsig.placement import gather, place
from seriatim.formats.tabm.flat import decode_flat, encode_flat, flatten
from seriatim.formats.tabm.json import decode_json, encode_json
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.tabm.structured import Rich, from_tabm, to_tabm
from tests.support.notation import is_error, rich, tabm
from tests.support.recorded_messages import FOLDER, VECTORS, each_vector


@each_vector
def test_rich_values_become_the_recorded_tabm(vector: dict[str, Any]) -> None:
    fields: dict[str, Rich] = rich(vector["structured"])
    if "big" in fields:
        with pytest.raises(FormatError):
            to_tabm(fields)  # HyperBEAM writes it, and cannot read it again
        return
    assert to_tabm(fields) == tabm(vector["tabm"])


@each_vector
@pytest.mark.parametrize("form", ["", "_from_httpsig"])
def test_a_recorded_tabm_becomes_its_rich_values(vector: dict[str, Any], form: str) -> None:
    stored: Tabm = tabm(vector[f"tabm{form}"])
    expected = vector[f"structured{form or '_from_tabm'}"]
    if is_error(expected):
        with pytest.raises(MalformedError):
            from_tabm(stored)
        return
    assert from_tabm(stored) == rich(expected)


@each_vector
def test_lines_and_json_are_the_recorded_bytes(vector: dict[str, Any]) -> None:
    message: Tabm = tabm(vector["tabm"])
    assert flatten(message) == tabm(vector["flat"])
    assert encode_flat(message) == tabm(vector["flat_serialized"])
    if is_error(vector["json"]):
        with pytest.raises(MalformedError):
            encode_json(message)
    else:
        assert encode_json(message) == vector["json"].encode()
        assert decode_json(vector["json"].encode()) == message
    assert decode_flat(encode_flat(message)) == message


@each_vector
def test_headers_and_body_are_the_recorded_ones(vector: dict[str, Any]) -> None:
    placed = place(tabm(vector["tabm"]))
    recorded = vector["httpsig"]
    file = FOLDER / f"{vector['name']}.httpsig-body.bin"
    assert file.exists() == recorded["body_present"]
    assert placed.body == (file.read_bytes() if file.exists() else b"")
    assert placed.headers == tabm(recorded["headers"])
    assert placed.body == b64decode(recorded.get("body_b64", ""))
    assert bool(placed.body) == recorded["body_present"]
    assert gather(placed) == tabm(vector["tabm_from_httpsig"])


def test_the_vectors_are_there() -> None:
    assert len(VECTORS) == 24


def test_what_is_decoded_is_its_readers_own() -> None:
    stored: Tabm = {"ao-types": b'l="empty-list", m="empty-message"'}
    found = from_tabm(stored)
    assert isinstance(found["l"], list)
    found["l"].append(1)
    assert from_tabm(stored) == {"l": [], "m": {}}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (b"integer", b"1_0"),
        (b"integer", b"9" * 16),
        (b"float", b" 1_0 "),
        (b"float", b"nan"),
        (b"float", b"1e999"),
        (b"atom", b"1"),
        (b"list", b"1, 2"),
        (b"list", b'"(ao-type-map) 1"'),
        (b"no-such", b"x"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(kind: bytes, value: bytes) -> None:
    with pytest.raises(MalformedError):
        from_tabm({"k": value, "ao-types": b'k="%b"' % kind})


@pytest.mark.parametrize("keys", [("1", "3"), ("1", "x"), ("1", "1_0"), ("01", "1")])
def test_a_numbered_map_with_a_gap_is_no_list(keys: tuple[str, str]) -> None:
    values = {key: {"a": b"b"} for key in keys}
    with pytest.raises(MalformedError):
        from_tabm({"k": values, "ao-types": b'k="list"'})


def test_later_forms_are_read() -> None:
    stored: Tabm = {
        "b": b"true",
        "l": {"1": b"x", "2": b"5", "ao-types": b'.="list", 2=integer'},
        "ao-types": b"b=atom",
    }
    assert from_tabm(stored) == {"b": True, "l": ["x", 5]}


@pytest.mark.parametrize(
    "fields",
    [
        {"A": {"x": "1"}, "a": {"x": "2"}},
        {"A": "1", "a": {"x": "2"}},
        {"ao-types": 'n="integer"', "n": "5"},
        {"inner": {"AO-TYPES": "x"}},
        {".": ["a"]},
    ],
)
def test_keys_that_would_become_one_or_say_types_are_refused(fields: dict[str, Rich]) -> None:
    with pytest.raises(MalformedError) as caught:
        to_tabm(fields)
    assert caught.value.code == "bad_key"
