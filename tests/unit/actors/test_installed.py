"""What installed packages offer: objects of the right shape, and who is at fault otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import pytest

from seriatim.actors.compute.work import load_folds
from seriatim.actors.installed import installed
from seriatim.formats.errors import UnsupportedError
from tests.support import packages

CODE = """
from seriatim import fold

class Duck:
    def quack(self):
        return "quack"

duck = Duck()

class Picky:
    def __init__(self):
        raise SystemExit("not in here")

@fold("mine@1.0", init=0)
def mine(state, step):
    return state
"""


@runtime_checkable
class Quacks(Protocol):
    def quack(self) -> str: ...


def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, value: str) -> None:
    text = f"[{group}]\nmine = {value}\n"
    packages.install(tmp_path, monkeypatch, name="pond", code=CODE, entry_points=text)


@pytest.mark.parametrize("value", ["pond:Duck", "pond:duck"])
def test_an_object_is_used_and_a_class_is_made_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    offer(tmp_path, monkeypatch, "pond.birds", value)
    (duck,) = installed("pond.birds", Quacks)
    assert duck.quack() == "quack"
    assert installed("pond.fish", Quacks) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("pond:mine", "it is no Quacks"),
        ("pond:Picky", "SystemExit: not in here"),
        ("pond:Goose", "AttributeError"),
        ("no_pond:Duck", "ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    offer(tmp_path, monkeypatch, "pond.birds", value)
    with pytest.raises(UnsupportedError) as caught:
        installed("pond.birds", Quacks)
    text = str(caught.value)
    assert text.startswith(f"the entry point 'mine' of pond.birds ({value}) cannot be used")
    assert reason in text


def test_folds_of_packages_are_found_beside_those_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, monkeypatch, "seriatim.folds", "pond:mine")
    found = load_folds(["tests.support.sample_folds:tally"])
    assert [fold.name for fold in found] == ["mine@1.0", "tally@1.0"]
