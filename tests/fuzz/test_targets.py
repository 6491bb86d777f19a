"""Every target, for a fixed number of inputs; and each one catches a planted fault.

``make fuzz`` runs the same targets for as long as it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from seriatim.formats.ans104 import avro, bundle
from seriatim.formats.codecs import cbor
from seriatim.formats.errors import RefusedError
from seriatim.formats.httpsig import canonical, multipart
from seriatim.formats.recurrence import fields
from seriatim.formats.tabm import sf
from seriatim.formats.tabm.model import Tabm
from seriatim.formats.triggers import definition
from seriatim.formats.wire import cbor_page, http_page, schedule_page
from seriatim.gateway import reply
from seriatim.gateway.http import preference
from seriatim.gateway.http.hyperbeam import path
from tests.fuzz.cost import CostError, check_cost
from tests.fuzz.mutation import inputs
from tests.fuzz.target import HERE, NAMES, Target, load
from tests.fuzz.targets import tabms

# So many times as many as of a property: an input is cheap.
EXAMPLES_TIMES = 2

each_target = pytest.mark.parametrize("name", NAMES)


def draw(target: Target, seeds: Sequence[bytes]) -> None:
    """Check *target* with inputs that are the same every time; none is made smaller."""

    def check(raw: bytes) -> None:
        check_cost(target.check, raw)

    settings(
        max_examples=EXAMPLES_TIMES * settings().max_examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(inputs(seeds))(check))()


@each_target
def test_seeds_and_what_was_found_pass(name: str) -> None:
    target = load(name)
    for raw in [*target.seeds(), *target.found()]:
        check_cost(target.check, raw)


@each_target
def test_no_input_does_anything_but_decode_or_be_refused(name: str) -> None:
    target = load(name)
    draw(target, target.seeds())


def test_every_corpus_is_of_a_target() -> None:
    assert {folder.name for folder in HERE.glob("corpus/*/")} <= set(NAMES)


def leak(*_: object) -> NoReturn:
    raise KeyError("an error that is not one of ours")


def unfold(*_: object) -> dict[str, Any]:
    return {"many": ["x"] * 1_000_000}


def dawdle(*_: object) -> dict[str, Any]:
    return {"count": str(sum(map(int, ["1"] * 300_000)))}


def lose_the_check(*_: object) -> None:
    """Take anything."""


def lose_a_byte(value: bytes) -> bytes:
    return value[:-1]


def believe(_: int, plain: dict[str, Any]) -> RefusedError:
    return RefusedError("as it says", code=str(plain.get("code")))


def keep_all(tabm: Tabm) -> Tabm:
    return tabm


# A function of the product that the target comes by, what is there instead, and what comes of it.
PLANTED: list[tuple[str, ModuleType, str, Callable[..., Any], type[Exception]]] = [
    ("bundles", bundle, "_decode_part", leak, KeyError),
    ("definitions", definition, "_check_request", lose_the_check, AssertionError),
    ("http_messages", canonical, "_without_derived", keep_all, AssertionError),
    ("http_pages", http_page, "_number", leak, KeyError),
    ("items", avro, "_refuse", leak, KeyError),
    ("json_pages", schedule_page, "check_slot", leak, KeyError),
    ("messages", cbor, "load_map", leak, KeyError),
    ("multipart", multipart, "_key", bytes.decode, UnicodeDecodeError),
    ("paths", path, "_read_keys", leak, KeyError),
    ("preferences", preference, "_seconds", leak, KeyError),
    ("record_pages", cbor_page, "load_map", unfold, CostError),
    ("recurrences", fields, "refuse", leak, KeyError),
    ("replies", reply, "error_of", believe, AssertionError),
    ("structured_fields", sf, "write_bare", lose_a_byte, AssertionError),
    ("tabms", tabms, "from_tabm", dawdle, CostError),
]


def test_every_target_has_a_planted_fault() -> None:
    assert [name for name, *_ in PLANTED] == list(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "function", "fault", "expected"), PLANTED, ids=[each[0] for each in PLANTED]
)
def test_each_target_catches_a_planted_fault(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: ModuleType,
    function: str,
    fault: Callable[..., Any],
    expected: type[Exception],
) -> None:
    target = load(name)
    seeds = target.seeds()
    monkeypatch.setattr(module, function, fault)
    with pytest.raises(expected):
        for raw in [*seeds, *target.found()]:
            check_cost(target.check, raw)
        draw(target, seeds)
