"""What a spawn may say about what its process computes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from seriatim.formats.errors import LimitExceededError, MalformedError, RefusedError
from seriatim.formats.folds.fold import Step, Verdict, fold
from seriatim.formats.folds.program import Cursor, Program, read_program
from seriatim.formats.folds.registry import FoldRegistry
from seriatim.formats.message import Value

STACK = {"execution-device": "stack@1.0"}


@pytest.mark.parametrize(
    ("fields", "program"),
    [
        ({}, None),
        ({"execution-device": "tally@1.0"}, Program(("tally@1.0",))),
        ({"Execution-Device": "tally@1.0", "passes": "3"}, Program(("tally@1.0",), 3)),
        ({**STACK, "device-stack": "a@1.0, b@2"}, Program(("a@1.0", "b@2"), is_stack=True)),
        (
            {**STACK, "device-stack": ("a@1.0", "b@2"), "passes": 2},
            Program(("a@1.0", "b@2"), 2, is_stack=True),
        ),
        (
            {**STACK, "device-stack": {"1": "a@1.0", "10": "c@1", "2": "b@2"}},
            Program(("a@1.0", "b@2", "c@1"), is_stack=True),
        ),
        ({"execution-device": 7}, None),
        ({"execution-device": "WASI@1.0"}, Program(("wasi@1.0",))),
        ({"execution-device": "no name"}, Program(("no name",))),
        (
            {"execution-device": "Stack@1.0", "device-stack": "A@1"},
            Program(("a@1",), is_stack=True),
        ),
    ],
)
def test_a_spawn_says_what_is_run(fields: Mapping[str, Value], program: Program | None) -> None:
    assert read_program(fields) == program


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (STACK, "bad_stack"),
        ({**STACK, "device-stack": ""}, "bad_stack"),
        ({**STACK, "device-stack": (1, 2)}, "bad_stack"),
        ({**STACK, "device-stack": True}, "bad_stack"),
        ({"execution-device": "a@1", "passes": 0}, "bad_passes"),
        ({"execution-device": "a@1", "passes": "-1"}, "bad_passes"),
        ({"execution-device": "a@1", "passes": True}, "bad_passes"),
        ({"execution-device": "a@1", "passes": "9" * 40}, "bad_passes"),
    ],
)
def test_what_is_no_program_is_refused(fields: Mapping[str, Value], code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_program(fields)
    assert caught.value.code == code


def test_programs_are_bounded() -> None:
    with pytest.raises(LimitExceededError, match="folds of a stack"):
        read_program({**STACK, "device-stack": ", ".join(["a@1.0"] * 17)})
    with pytest.raises(LimitExceededError, match="passes"):
        read_program({"execution-device": "a@1", "passes": 1_001})
    with pytest.raises(LimitExceededError, match="passes"):
        Cursor(1_000).after(Verdict.PASS, Program(("a@1",)))


@pytest.mark.parametrize(
    "name", ["", "tally", "Tally@1.0", "tally@", "@1.0", "a" * 80 + "@1", "a b@1"]
)
def test_a_fold_has_a_name_and_a_version(name: str) -> None:
    with pytest.raises(MalformedError, match="name@version"):
        fold(name)(lambda state, step: (state, step))


@pytest.mark.parametrize("name", ["a@1.0", "multipass@1.0", "stack@1.0"])
def test_a_name_is_one_folds(name: str) -> None:
    one = fold(name)(lambda state, step: (state, step))
    other = fold("a@1.0")(lambda state, step: (state, step))
    with pytest.raises(RefusedError) as caught:
        FoldRegistry([other, one])
    assert caught.value.code == "fold_name_taken"


def test_a_step_is_in_its_first_pass_where_nobody_says_more() -> None:
    assert Step("p", 0, 0, "m", {}).number == 1
