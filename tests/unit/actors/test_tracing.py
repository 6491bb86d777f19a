"""Spans: an attempt is linked to its submission by what the job carries along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

import seriatim
from seriatim.actors import tracing
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.errors import JobError


class Context(NamedTuple):
    """As OpenTelemetry's, as far as it is used."""

    trace_id: int
    span_id: int
    is_remote: bool = False
    trace_flags: int = 1
    is_valid: bool = True


class Span:
    """A span that is kept."""

    def __init__(self, name: str, context: Context, **said: Any) -> None:
        self.name = name
        self.context = context
        self.said = said
        self.attributes: dict[str, Any] = dict(said["attributes"])
        self.status: Any = None

    def get_span_context(self) -> Context:
        return self.context

    def set_attribute(self, name: str, value: object) -> None:
        self.attributes[name] = value

    def set_status(self, status: object) -> None:
        self.status = status


class Library:
    """What stands in for ``opentelemetry.trace``."""

    SpanKind = SimpleNamespace(PRODUCER="producer", CONSUMER="consumer")
    StatusCode = SimpleNamespace(ERROR="error")
    SpanContext = Context
    TraceFlags = int

    def __init__(self, *, is_valid: bool = True) -> None:
        self.spans: list[Span] = []
        self._is_valid = is_valid

    def get_tracer(self, name: str) -> Library:
        assert name == "seriatim"
        return self

    @contextmanager
    def start_as_current_span(self, name: str, **said: Any) -> Iterator[Span]:
        context = Context(0xABC, len(self.spans) + 1, is_valid=self._is_valid)
        self.spans.append(Span(name, context, **said))
        yield self.spans[-1]

    def Link(self, context: Context) -> Context:  # noqa: N802  # its name
        return context

    def Status(self, code: str, text: str) -> tuple[str, str]:  # noqa: N802  # its name
        return code, text


async def run_three(path: Path) -> list[str | None]:
    """Run a job, another that fails, and two at once; return what the first ones carry."""
    app = seriatim.App()

    @app.job
    async def greet(name: str) -> str:
        if name == "nobody":
            raise ValueError(name)
        return f"hello {name}"

    async with app.open(path, clock=VirtualClock()) as running:
        handles = [await greet.submit("you"), await greet.submit("nobody")]
        assert await handles[0] == "hello you"
        with pytest.raises(JobError):
            await handles[1]
        again = await greet.options(id="mine").submit("me")
        assert await again == "hello me"
        same = await greet.options(id="mine").submit("me")
        assert same.repeated, "though in another span"
        return [(await running.show(each.id))["spec"].get("trace") for each in handles]


def test_an_attempt_is_a_span_that_is_linked_to_the_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    monkeypatch.setattr(tracing, "_TRACE", library)
    traces = asyncio.run(run_three(tmp_path))
    submits = [span for span in library.spans if span.said["kind"] == "producer"]
    runs = [span for span in library.spans if span.said["kind"] == "consumer"]
    assert [span.name for span in submits] == ["submit default"] * 4
    assert [span.name for span in runs] == ["run greet"] * 3
    for submit, run in zip(submits, runs, strict=False):
        [link] = run.said["links"]
        assert link == submit.context._replace(is_remote=True)
    assert traces[0] == f"00-{0xABC:032x}-{submits[0].context.span_id:016x}-01"
    assert runs[0].attributes["seriatim.attempt"] == 1
    assert [run.status for run in runs] == [None, ("error", "raised"), None]
    assert runs[1].attributes["seriatim.code"] == "raised"


def test_what_nobody_records_is_carried_by_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(is_valid=False)
    monkeypatch.setattr(tracing, "_TRACE", library)
    assert asyncio.run(run_three(tmp_path)) == [None, None]
    assert all(not span.said.get("links") for span in library.spans)


def test_without_the_library_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_TRACE", None)
    assert asyncio.run(run_three(tmp_path)) == [None, None]


def test_a_trace_of_some_other_form_is_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_TRACE", Library())
    assert tracing._links_of("99-what") == []
    assert tracing._links_of("") == []
