"""Spans of OpenTelemetry from a job's submission to each of its attempts, where somebody has it.

The library is no dependency: where it is not installed (``pip install seriatim[otel]``), nothing is
done, and nothing costs. What ties an attempt to its submission is the job's spec: it carries the
``traceparent`` of the submission (W3C Trace Context), and so outlives nodes and workers. An attempt
is a span of its own, linked to that one: it may come days later, and more than once.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.queue.commands import Failed

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Ended, Grant, Submitted
    from seriatim.actors.worker.port import SubmitPort
    from seriatim.formats.jobs.spec import Asked

_NAME: Final = "seriatim"
_PARENT: Final = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def _find_library() -> Any:
    try:
        from opentelemetry import trace  # noqa: PLC0415  # where it is not there, nothing is lost
    except ImportError:
        return None
    return trace


_TRACE: Any = _find_library()


async def submit_traced(port: SubmitPort, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
    """Submit *jobs* to *queue* of *port*, within a span that they carry on.

    Raises:
        SchedulerError: see `SubmitPort.submit`.
    """
    if _TRACE is None:
        return await port.submit(queue, jobs)
    with _TRACE.get_tracer(_NAME).start_as_current_span(
        f"submit {queue}",
        kind=_TRACE.SpanKind.PRODUCER,
        attributes={"seriatim.queue": queue, "seriatim.jobs": len(jobs)},
    ) as span:
        parent = _parent_of(span.get_span_context())
        if parent:
            jobs = [_carrying(each, parent) for each in jobs]
        return await port.submit(queue, jobs)


async def run_traced(queue: str, grant: Grant, running: Coroutine[Any, Any, Ended]) -> Ended:
    """Return what *running*, an attempt of the job of *grant*, comes to; within a span."""
    if _TRACE is None:
        return await running
    with _TRACE.get_tracer(_NAME).start_as_current_span(
        f"run {grant.type}",
        kind=_TRACE.SpanKind.CONSUMER,
        links=_links_of(grant.spec.get("trace", "")),
        attributes={
            "seriatim.queue": queue,
            "seriatim.job": grant.id,
            "seriatim.slot": grant.token,
            "seriatim.attempt": grant.attempt,
        },
    ) as span:
        ended = await running
        if isinstance(ended, Failed):
            span.set_attribute("seriatim.code", ended.code)
            span.set_status(_TRACE.Status(_TRACE.StatusCode.ERROR, ended.code))
        return ended


def _carrying(asked: Asked, parent: str) -> Asked:
    return asked if "trace" in asked.spec else asked._replace(spec={**asked.spec, "trace": parent})


def _parent_of(context: Any) -> str:
    """Return the ``traceparent`` of a span; empty where nobody records it."""
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _links_of(parent: str) -> list[Any]:
    found = _PARENT.fullmatch(parent)
    if found is None:
        return []
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = _TRACE.SpanContext(
        trace_id, span_id, is_remote=True, trace_flags=_TRACE.TraceFlags(flags)
    )
    return [_TRACE.Link(context)]
