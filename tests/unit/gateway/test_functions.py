"""The functions that workers run: found in modules, and shared out by queue and category."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

import seriatim
from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.gateway.functions import load_apps, share_out

NUMBERS = count()
Written = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return what writes a module, and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = f"written_{next(NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(f"import sys\nimport seriatim\n{text}")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@pytest.mark.parametrize("text", ["sys.exit(0)", "raise OSError('the disk')", "import nobody_s"])
def test_a_module_that_cannot_be_imported_is_refused(written: Written, text: str) -> None:
    with pytest.raises(MalformedError, match=r"cannot be imported: [A-Z]") as raised:
        load_apps([written(text)])
    assert raised.value.code == "bad_module"


@pytest.mark.parametrize("place", ["", ":app"])
def test_a_place_without_a_module_is_refused_and_says_what_is_one(place: str) -> None:
    with pytest.raises(MalformedError, match=f"'{place}' names no module: expected .*shop.jobs"):
        load_apps([place])


def test_a_module_without_the_app_says_which_there_are(written: Written) -> None:
    name = written("one, two = seriatim.App(), seriatim.App()")
    with pytest.raises(MalformedError, match=f"{name}:three has no .*; there are: one, two$"):
        load_apps([f"{name}:three"])
    with pytest.raises(MalformedError, match=r"json has no seriatim.App$"):
        load_apps(["json"])


def test_of_several_apps_all_are_served_and_said_and_one_can_be_named(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    name = written("one, two = seriatim.App(), seriatim.App()\nalso = one")
    with caplog.at_level(logging.WARNING):
        assert list(load_apps([f"{name}:two"])) == [f"{name}:two"]
        assert not caplog.messages
        apps = load_apps([name, f"{name}:also"])  # nobody is attached twice
    assert list(apps) == [f"{name}:one", f"{name}:two"]
    (line,) = caplog.messages
    assert f"{name}:one, {name}:two" in line


def test_two_apps_with_one_job_are_refused_by_their_names(written: Written) -> None:
    """Else the one that is loaded last would run it, and nobody would know."""
    declared = '= seriatim.App()\n\n@{}.job(type="mail", queue={!r})\ndef send(): ...\n'
    name = written("".join(each + declared.format(each, "q") for each in ("one", "two")))
    with pytest.raises(MalformedError, match=f"^{name}:one and {name}:two both .* mail in .* q:"):
        load_apps([name])
    apart = "".join(each + declared.format(each, each) for each in ("one", "two"))
    assert len(load_apps([written(apart)])) == 2


def app_of(*kinds: tuple[str, str]) -> seriatim.App:
    """Return an app with a function of each queue and category."""
    app = seriatim.App()
    for number, (queue, category) in enumerate(kinds):

        async def nothing() -> None: ...

        app.job(queue=queue, category=category, type=f"t{number}")(nothing)
    return app


APP = app_of(("films", "gpu"), ("films", "cpu"), ("films", ""), ("mail", "cpu"))


@pytest.mark.parametrize(
    ("queues", "category", "shares"),
    [
        ((), "", ["films-", "films-cpu", "films-gpu", "mail-cpu"]),
        (("mail", "mail"), "", ["mail-cpu"]),
        ((), "gpu", ["films-gpu"]),  # and nobody waits for ever in queue mail
        ((), "cpu", ["films-cpu", "mail-cpu"]),
    ],
)
def test_there_is_a_worker_for_each_category_of_a_queue(
    queues: Sequence[str], category: str, shares: list[str]
) -> None:
    found = share_out([APP], queues, category, takes_commands=False)
    assert [f"{each.queue}-{each.category}" for each in found] == shares
    assert all(each.handlers and each.room for each in found)


@pytest.mark.parametrize(
    ("queues", "category", "asked"),
    [
        (("mial",), "", "queue mial"),
        (("films", "mial"), "", "queue mial"),
        (("mail",), "gpu", "queue mail and category gpu"),
    ],
)
def test_a_worker_that_would_run_nothing_is_told_what_there_is(
    queues: Sequence[str], category: str, asked: str
) -> None:
    with pytest.raises(RefusedError) as raised:
        share_out([APP], queues, category, takes_commands=False)
    assert raised.value.code == "nothing_to_run"
    there = "queue films, queue films with category cpu, queue films with category gpu"
    assert str(raised.value) == (
        f"no function is of {asked}; there are functions of {there}, queue mail with category cpu"
    )


def test_a_category_of_which_there_is_no_function_is_refused_where_none_is_of_no_category() -> None:
    gpu = app_of(("films", "gpu"))
    with pytest.raises(RefusedError, match=r"^no function is of category gpuu; "):
        share_out([gpu], (), "gpuu", takes_commands=False)
    plain = app_of(("films", ""))
    assert len(share_out([plain], (), "gpuu", takes_commands=False)) == 1, "as it is counted"


def test_an_app_without_jobs_is_nothing_to_run_but_commands_are() -> None:
    for apps in ([], [seriatim.App()]):
        with pytest.raises(RefusedError, match="nothing to run"):
            share_out(apps, (), "", takes_commands=False)
        (share,) = share_out(apps, (), "", takes_commands=True)
        assert (share.queue, share.category, share.room) == ("default", "", 0)
    (share,) = share_out([APP], ("shell",), "", takes_commands=True)
    assert (share.queue, share.handlers) == ("shell", {})
