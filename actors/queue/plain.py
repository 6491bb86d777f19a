"""Claims, reports and their answers as plain values: what workers and nodes send each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from seriatim.actors.queue.commands import (
    Claim,
    Claimed,
    Done,
    Ended,
    Failed,
    Grant,
    Held,
    Printed,
    Released,
    Report,
    Reported,
    Submitted,
)
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url, b64url_decode
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.raw_json import RawJson, check_value, dump_json
from seriatim.formats.jobs.status import WorkerStatus
from seriatim.formats.limits import (
    CLAIM_JOBS_MAX,
    HELD_MAX,
    JOB_CODE_MAX_CHARS,
    JOB_OUTPUT_MAX_BYTES,
    JOB_OUTPUT_PIECE_BYTES,
    JOB_REASON_MAX_CHARS,
    JOB_RESULT_MAX_BYTES,
    QUEUE_SUBMIT_MAX,
    QUEUE_TYPES_SET_MAX,
    REPORT_ENDED_MAX,
    REPORT_PRINTED_MAX,
)

Plain = dict[str, Any]
CLAIM_KEYS: Final = frozenset(Claim._fields) - {"is_local"}
"""What a claim may say: see `claim_from_plain`."""
REPORT_KEYS: Final = frozenset(Report._fields)
"""What a report may say: see `report_from_plain`."""
_ENDED: Final[Mapping[str, type[Ended]]] = {"done": Done, "failed": Failed, "released": Released}
_WORDS: Final[Mapping[type, str]] = {
    str: "a text",
    int: "a whole number of 0 or more",
    bool: "true or false",
    dict: "a map",
    list: "a list",
    object: "a value",
}
_PRINTED: Final = (
    f"lists of a job, its token, a number of 0 to {JOB_OUTPUT_MAX_BYTES}, and base64url of at most "
    f"{JOB_OUTPUT_PIECE_BYTES} bytes"
)


def claim_to_plain(claim: Claim) -> Plain:
    """Return *claim* as JSON has it; a worker elsewhere never ends with the node."""
    return {
        "worker": claim.worker,
        "types": sorted(claim.types),
        "commands": claim.commands,
        "room": claim.room,
        "held": [list(held) for held in claim.held],
    }


def claim_from_plain(plain: Any) -> Claim:
    """Return what `claim_to_plain` has made *plain* of.

    Raises:
        MalformedError: it is none; codes ``bad_claim``, ``bad_name``.
    """
    reader = _Reader("bad_claim", plain)
    return Claim(
        check_name(reader.get("worker", str), "worker"),
        frozenset(check_name(each, "types") for each in reader.list("types", QUEUE_TYPES_SET_MAX)),
        reader.get("commands", bool, default=False),
        min(reader.whole("room"), CLAIM_JOBS_MAX),
        _held(reader),
    )


def claimed_to_plain(claimed: Claimed) -> Plain:
    """Return *claimed* as JSON has it."""
    return {
        "grants": [
            {
                **grant._asdict(),
                "inputs": {job: RawJson(raw or b"null") for job, raw in grant.inputs.items()},
            }
            for grant in claimed.grants
        ],
        "stops": claimed.stops,
        "drain": claimed.drain,
    }


def claimed_from_plain(plain: Any) -> Claimed:
    """Return what `claimed_to_plain` has made *plain* of.

    Raises:
        MalformedError: it is none; code ``bad_claim``.
    """
    reader = _Reader("bad_claim", plain)
    try:
        grants = [_grant(each) for each in reader.list("grants", CLAIM_JOBS_MAX)]
    except (TypeError, KeyError, AttributeError) as error:
        raise reader.bad("grants", "jobs as a claim is answered", error) from error
    return Claimed(grants, reader.get("stops", dict), reader.get("drain", bool, default=False))


def _grant(plain: Plain) -> Grant:
    spec = dict(plain["spec"])
    if "args" in spec:
        spec["args"] = RawJson(dump_json(spec["args"]))
    inputs = {job: dump_json(value) for job, value in plain["inputs"].items()}
    return Grant(**{**plain, "spec": spec, "inputs": inputs})


def report_to_plain(report: Report) -> Plain:
    """Return *report* as JSON has it."""
    said: Plain = {
        "worker": report.worker,
        "ended": [_ended_to_plain(each) for each in report.ended],
        "held": [list(held) for held in report.held],
        "printed": [
            [each.id, each.token, each.number, b64url(each.data)] for each in report.printed
        ],
    }
    return said if report.status is None else {**said, "status": report.status.to_plain()}


def _ended_to_plain(ended: Ended) -> Plain:
    said = ended._asdict()
    if isinstance(ended, Done):
        return {**said, "how": "done", "result": RawJson(ended.result or b"null")}
    return {**said, "how": "failed" if isinstance(ended, Failed) else "released"}


def report_from_plain(plain: Any, queue: str) -> Report:
    """Return what `report_to_plain` has made *plain* of, for *queue*.

    Raises:
        MalformedError: it is none, or its status is another worker's; codes ``bad_report``,
            ``bad_name``.
        LimitExceededError: a result, or what else is known of an attempt, is too large or too deep.
    """
    reader = _Reader("bad_report", plain)
    worker = check_name(reader.get("worker", str), "worker")
    ended = [_ended(_Reader("bad_report", each)) for each in reader.list("ended", REPORT_ENDED_MAX)]
    said = reader.get("status", dict, default=None)
    status = None if said is None else WorkerStatus.from_plain(said)
    if status is not None and (status.worker, status.queue) != (worker, queue):
        told = f"{status.worker} of {status.queue}"
        raise reader.bad("status", f"that of worker {worker} of queue {queue}", told)
    printed = [_printed(reader, each) for each in reader.list("printed", REPORT_PRINTED_MAX)]
    return Report(worker, ended, _held(reader), printed, status)


def _printed(reader: _Reader, each: Any) -> Printed:
    if not isinstance(each, list) or [type(part) for part in each] != [str, int, int, str]:
        raise reader.bad("printed", _PRINTED, each)
    job, token, number, text = each
    data = b64url_decode(text)
    if not 0 <= number <= JOB_OUTPUT_MAX_BYTES or len(data) > JOB_OUTPUT_PIECE_BYTES:
        raise reader.bad("printed", _PRINTED, each)
    return Printed(check_name(job, "printed"), token, number, data)


def _ended(reader: _Reader) -> Ended:
    job, token = check_name(reader.get("id", str), "id"), reader.whole("token")
    how = reader.get("how", str)
    if how not in _ENDED:
        raise reader.bad("how", "done, failed or released", how)
    reader.check("ended", {"how", *_ENDED[how]._fields})
    if how == "done":
        result = reader.get("result", object, default=None)
        raw = b"" if result is None else _checked(result, "result")
        outcome = reader.get("outcome", dict, default=None)
        _checked(outcome, "outcome")
        return Done(job, token, raw, outcome)
    if how == "released":
        return Released(job, token, reader.get("has_begun", bool, default=False))
    details = reader.get("details", dict, default={})
    _checked(details, "details")
    return Failed(
        job,
        token,
        reader.get("code", str)[:JOB_CODE_MAX_CHARS] or "failed",
        reader.get("reason", str)[:JOB_REASON_MAX_CHARS],
        details,
        reader.get("is_final", bool, default=False),
        reader.get("is_crash", bool, default=False),
    )


def _checked(value: Any, what: str) -> bytes:
    """Return *value* as JSON that everybody can read who is shown the job."""
    raw = dump_json(value)
    check_value(raw)
    if len(raw) > JOB_RESULT_MAX_BYTES:
        raise LimitExceededError(
            f"size of a job's {what} in bytes", given=len(raw), maximum=JOB_RESULT_MAX_BYTES
        )
    return raw


def reported_to_plain(reported: Reported) -> Plain:
    """Return *reported* as JSON has it."""
    return {**reported._asdict(), "lost": [list(held) for held in reported.lost]}


def reported_from_plain(plain: Any) -> Reported:
    """Return what `reported_to_plain` has made *plain* of.

    Raises:
        MalformedError: it is none; code ``bad_report``.
    """
    reader = _Reader("bad_report", plain)
    return Reported(
        reader.get("refused", dict),
        _held(reader, "lost"),
        reader.get("stops", dict),
        reader.get("drain", bool, default=False),
    )


def submitted_to_plain(submitted: Sequence[Submitted]) -> Plain:
    """Return what a node answers to jobs that were submitted."""
    return {"jobs": [each._asdict() for each in submitted]}


def submitted_from_plain(plain: Any) -> list[Submitted]:
    """Return what a node answers to jobs that were submitted.

    Raises:
        MalformedError: it is no such answer; code ``bad_jobs``.
    """
    reader = _Reader("bad_jobs", plain)
    return [
        Submitted(each.get("id", str), each.get("repeated", bool))
        for each in (_Reader("bad_jobs", one) for one in reader.list("jobs", QUEUE_SUBMIT_MAX))
    ]


def _held(reader: _Reader, key: str = "held") -> list[Held]:
    held: list[Held] = []
    for each in reader.list(key, HELD_MAX):
        if not isinstance(each, list) or [type(part) for part in each] != [str, int]:
            raise reader.bad(key, "lists of a job and its token", each)
        held.append((check_name(each[0], key), each[1]))
    return held


class _Reader:
    """Reads the values of a map that somebody has sent."""

    def __init__(self, code: str, plain: Any) -> None:
        if not isinstance(plain, Mapping):
            raise MalformedError(f"expected a map, found {str(plain)[:64]!r}", code=code)
        self._code = code
        self._plain = plain

    def get(self, key: str, kind: type, *, default: Any = ...) -> Any:
        value = self._plain.get(key, default)
        if value is ... or (value is not default and not isinstance(value, kind)):
            raise self.bad(key, _WORDS[kind], "nothing" if value is ... else value)
        return value

    def list(self, key: str, most: int) -> Sequence[Any]:
        value = self.get(key, list, default=[])
        if len(value) > most:
            raise self.bad(key, f"at most {most}", f"{len(value)} of them")
        return list(value)

    def whole(self, key: str) -> int:
        value: int = self.get(key, int)
        if isinstance(value, bool) or value < 0:
            raise self.bad(key, _WORDS[int], value)
        return value

    def check(self, key: str, known: Collection[str]) -> None:
        """Refuse a map, which stands under *key*, with other keys than *known*."""
        for name in self._plain:
            if name not in known:
                raise self.bad(key, f"some of {', '.join(sorted(known))}", name)

    def bad(self, key: str, expected: str, found: object) -> MalformedError:
        return MalformedError(
            f"{key}: expected {expected}, found {str(found)[:64]!r}", code=self._code
        )
