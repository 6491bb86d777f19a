"""What may be set for a queue, and what a change leaves as it is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.settings import Rate, Settings
from seriatim.formats.limits import JOB_TAKES_MAX, QUEUE_TYPES_SET_MAX

NAMES = st.sampled_from(["a", "b", "c"])
COUNTS = st.none() | st.integers(1, 9)
DEFAULTS = st.none() | st.fixed_dictionaries(
    {}, optional={"retries": st.integers(0, 9), "limits": st.just({"wall_ms": 5})}
)
RATES = st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)).map(list)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "types": st.dictionaries(NAMES, COUNTS),
        "keys": st.dictionaries(NAMES, COUNTS),
        "rates": st.dictionaries(NAMES, RATES),
        "resources": st.dictionaries(NAMES, st.none() | st.integers(0, 9)),
        "defaults": st.dictionaries(NAMES, DEFAULTS),
        "paused": st.booleans(),
        "paused_types": st.lists(NAMES),
        "jobs_max": st.integers(1, 9),
        "kept_ms": st.integers(0, 9),
    },
)

# Many like it are more than a row is to hold.
WIDE = {"takes": {f"{number:02d}{'x' * 60}": 1 for number in range(JOB_TAKES_MAX)}}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": {}}, "type: expected one of types, keys, rates, resources, defaults, paused"),
    ({"types": []}, "types: expected a map of names"),
    ({"types": {"a": 0}}, r"types\.a: expected a whole number of 1"),
    ({"types": {"a": True}}, r"types\.a: expected a whole number"),
    ({"types": {"a": "1"}}, r"types\.a: expected a whole number"),
    ({"keys": {"a": -1}}, r"keys\.a: expected a whole number of 1"),
    ({"resources": {"a": -1}}, r"resources\.a: expected a whole number of 0"),
    ({"rates": {"a": 5}}, r"rates\.a: expected a pair"),
    ({"rates": {"a": [1]}}, r"rates\.a: expected a pair"),
    ({"rates": {"a": [0, 1]}}, r"rates\.a: expected a whole number of 1"),
    ({"rates": {"a": [1, 0]}}, r"rates\.a: expected a whole number of 1"),
    (
        {"defaults": {f"t{number}": WIDE for number in range(300)}},
        "defaults: expected at most 262144 bytes",
    ),
    ({"paused": 1}, "paused: expected true or false"),
    ({"paused_types": "a"}, "paused_types: expected a list of at most 1000"),
    ({"jobs_max": 0}, "jobs_max: expected a whole number of 1"),
    ({"kept_ms": -1}, "kept_ms: expected a whole number of 0"),
    (
        {"types": {f"t{number}": 1 for number in range(QUEUE_TYPES_SET_MAX + 1)}},
        "types: expected at most 1000 names, found '1001'",
    ),
]


@given(st.lists(CHANGES))
def test_settings_are_what_the_changes_say_and_are_read_back(
    changes: list[dict[str, Any]],
) -> None:
    settings = Settings()
    known: dict[str, Any] = {key: {} for key in ("types", "keys", "rates", "resources", "defaults")}
    for change in changes:
        settings = settings.changed(change)
        for key, value in change.items():
            if isinstance(value, dict):
                known[key] = {n: v for n, v in (known[key] | value).items() if v is not None}
            else:
                known[key] = value
    assert settings.types == known["types"]
    assert settings.keys == known["keys"]
    assert settings.resources == known["resources"]
    assert settings.defaults == known["defaults"]
    assert settings.rates == {name: Rate(*rate) for name, rate in known["rates"].items()}
    assert settings.is_paused == known.get("paused", False)
    assert settings.paused_types == set(known.get("paused_types", []))
    stored = orjson.dumps(settings.to_plain())
    assert Settings().changed(orjson.loads(stored)) == settings
    assert orjson.dumps(Settings().changed(orjson.loads(stored)).to_plain()) == stored


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_what_may_not_be_set_is_refused_by_name(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MalformedError, match=sentence) as caught:
        Settings().changed(change)
    assert caught.value.code == "bad_settings"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"args": {}}, r"defaults\.a: expected some of backoff, crashes_max, delay_ms, key, lease"),
        ({"due_ms": 5}, r"defaults\.a: expected some of"),
        ({"retries": -1}, r"defaults\.a\.retries: expected a whole number"),
        ({"limits": {"ram": 1}}, r"defaults\.a\.limits: expected some of"),
        (5, r"defaults\.a: expected a map"),
    ],
)
def test_a_default_is_what_a_job_may_be(said: object, sentence: str) -> None:
    with pytest.raises(MalformedError, match=sentence) as caught:
        Settings().changed({"defaults": {"a": said}})
    assert caught.value.code in ("bad_job", "bad_limits")


def test_a_name_is_a_name() -> None:
    for change in ({"types": {"a b": 1}}, {"paused_types": ["/"]}, {"paused_types": [1]}):
        with pytest.raises(MalformedError, match="letters, digits"):
            Settings().changed(change)


def test_what_nobody_has_set_is_one_of_a_type_and_one_of_a_key_and_no_tokens() -> None:
    settings = Settings()
    assert (settings.at_once("a"), settings.capacity("a/k"), settings.capacity("gpu")) == (1, 1, 0)
    settings = settings.changed({"types": {"a": 5}, "keys": {"a": 2}, "resources": {"gpu": 3}})
    assert (settings.at_once("a"), settings.capacity("a/k"), settings.capacity("gpu")) == (5, 2, 3)
    assert settings.capacity("a/k/l") == 2, "a key may have slashes"


def test_what_rests_is_not_open() -> None:
    settings = Settings().changed({"paused_types": ["a"]})
    assert (settings.is_open("a"), settings.is_open("b")) == (False, True)
    assert not settings.changed({"paused": True}).is_open("b")


def test_what_is_as_at_first_is_not_kept() -> None:
    assert Settings().to_plain() == {}
    assert Settings().changed({"paused": True, "types": {"a": 1}}).to_plain() == {
        "types": {"a": 1},
        "paused": True,
    }
