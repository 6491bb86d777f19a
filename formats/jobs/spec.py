"""Reading what somebody says that a job is to be: each key is checked, and nothing is added.

The same map comes from Python, the command line and HTTP; `docs/jobs.md` has its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import b64url
from seriatim.formats.jobs.backoff import Backoff
from seriatim.formats.jobs.command import read_command
from seriatim.formats.jobs.job import Spec
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.limits import plain_limits
from seriatim.formats.jobs.raw_json import RawJson, check_value, dump_json, dump_value
from seriatim.formats.jobs.result_of import RESULT_OF, results_in
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    BACKOFF_FACTOR_MAX,
    INSTANT_MAX_MS,
    INTERVAL_MAX_MS,
    JOB_ARGS_MAX_BYTES,
    JOB_CRASHES_MAX,
    JOB_KEY_MAX_CHARS,
    JOB_LEASE_MAX_MS,
    JOB_LEASE_MIN_MS,
    JOB_PARENTS_MAX,
    JOB_PRIORITY_MAX,
    JOB_RETRIES_MAX,
    JOB_TAKES_MAX,
    JOB_TOKENS_MAX,
    JOB_TRACE_MAX_CHARS,
)

# In front of keys that are made here: nobody can say such a key.
_MADE: Final = "\0"
# No program is told of arguments, or of results.
_APART: Final = (("delay_ms", "due_ms"), ("command", "args"), ("command", "inputs"))
# A key, a number, and what stands around them.
_KEY_BYTES: Final = 32


OF_ONE_JOB: Final = frozenset(
    {"args", "after", "inputs", "command", "due_ms", "deadline_ms", "trace"}
)
"""What is said of each job anew; all else may be said of its type, too."""


class Otherwise(StrEnum):
    """What becomes of a job when one that it waits for has ended without success."""

    FAIL = "fail"
    """It fails."""
    SKIP = "skip"
    """It is cancelled."""
    RUN = "run"
    """It runs all the same."""


class Asked(NamedTuple):
    """A job that somebody wants to be submitted.

    Attributes:
        id: chosen by who asks; empty where one is to be made.
        type: see `Job`.
        spec: see `Spec`.
        is_new: whether its id was made just now, so that there can be no such job yet.
    """

    id: str
    type: str
    spec: Spec
    is_new: bool = False


def read_asked(said: Mapping[str, Any]) -> Asked:
    """Return what *said* asks for.

    Raises:
        MalformedError: a key is unknown, or its value is not what it has to be; codes
            ``bad_job`` and ``bad_name``.
        LimitExceededError: its arguments are too large, or want the results of too many jobs.
    """
    if not isinstance(said, Mapping):
        raise _bad("a job", "a map", said)
    spec: Spec = {}
    for key, value in said.items():
        if key in ("id", "type"):
            continue
        reader = _READERS.get(key)
        if reader is None:
            raise _bad("a job", f"the keys id, type, {', '.join(_READERS)}", key)
        spec[key] = reader(key, value)
    kind = check_name(said.get("type", ""), "type")
    for key, other in _APART:
        if key in spec and other in spec:
            raise _bad(key, f"either it or {other}", "both")
    if "args" in spec:
        _want(spec, [_name_of_result(each) for each in results_in(spec["args"])])
    _make_key(kind, spec)
    parents = {job for job, _ in spec.get("after", ())}
    for job in spec.get("inputs", ()):
        if job not in parents:
            raise _bad("inputs", "jobs that are named in after, too", job)
    # An empty one is a mistake: with another id made for it, the same again would be a second job.
    own = check_name(said["id"], "id") if "id" in said else ""
    return Asked(own, kind, spec)


def say_asked(asked: Asked) -> dict[str, Any]:
    """Return what `read_asked` reads as *asked*: what another node is asked for.

    A key that was made here is left out: nobody can say one, and that node makes the same.
    """
    said = {**asked.spec, "type": asked.type}
    if asked.id:
        said["id"] = asked.id
    unique = said.get("unique")
    if unique is not None and unique["key"].startswith(_MADE):
        said["unique"] = {name: value for name, value in unique.items() if name != "key"}
    return said


def read_defaults(key: str, said: Any) -> Spec:
    """Return what jobs of a type are to be where whoever submits them does not say it.

    Args:
        key: what *said* is called where it comes from; errors begin with it.
        said: as `read_asked` takes it, but for what is of one job: its arguments, what it waits
            for, and instants.

    Raises:
        MalformedError: a key is none of them, or its value is not what it has to be.
    """
    if not isinstance(said, Mapping):
        raise _bad(key, "a map", said)
    for name in said:
        if name not in _DEFAULTS:
            raise _bad(key, f"some of {', '.join(sorted(_DEFAULTS))}", name)
    return {name: _READERS[name](f"{key}.{name}", value) for name, value in sorted(said.items())}


def with_defaults(asked: Asked, defaults: Spec) -> Asked:
    """Return *asked* with what it does not say as *defaults* have it; see `read_defaults`."""
    spec = {**defaults, **asked.spec}
    if "limits" in defaults and "limits" in asked.spec:
        spec["limits"] = {**defaults["limits"], **asked.spec["limits"]}
    if "delay_ms" in defaults and "due_ms" in asked.spec:
        del spec["delay_ms"]
    if "unique" in defaults and "unique" not in asked.spec:
        _make_key(asked.type, spec)
    if "unique" in spec and spec["unique"] is None:
        del spec["unique"]
    return asked._replace(spec=spec)


def with_args(asked: Asked, args: RawJson, inputs: Sequence[str]) -> Asked:
    """Return *asked*, which was read without arguments, with these.

    Args:
        asked: what `read_asked` has returned.
        args: JSON of a map, as `dump_json` gives it.
        inputs: jobs whose results stand in it: it waits for them.

    Raises:
        LimitExceededError: they are too large, or too many.
    """
    spec = {**asked.spec, "args": check_args(args)}
    _want(spec, inputs)
    _make_key(asked.type, spec)
    return asked._replace(spec=spec)


def _want(spec: Spec, jobs: Sequence[str]) -> None:
    """Have *spec* want the results of *jobs*, and wait for them."""
    if not jobs:
        return
    edges = dict(spec.get("after", ()))
    for job in jobs:
        edges.setdefault(job, Otherwise.FAIL.value)
    if len(edges) > JOB_PARENTS_MAX:
        raise LimitExceededError("number of parents", given=len(edges), maximum=JOB_PARENTS_MAX)
    spec["after"] = [list(edge) for edge in edges.items()]
    spec["inputs"] = list(dict.fromkeys([*spec.get("inputs", ()), *jobs]))


def _name_of_result(job: Any) -> str:
    return check_name(job, f"args: {RESULT_OF}")


def spec_bytes(spec: Spec) -> int:
    """Return about how many bytes *spec* is in JSON: what is large in it counts as it is.

    Most of it is `RawJson` and numbers, so that nothing is encoded for this.
    """
    size_bytes = _KEY_BYTES
    for value in spec.values():
        size_bytes += _KEY_BYTES
        if type(value) is RawJson:
            size_bytes += len(value.raw)
        elif type(value) is not int:
            size_bytes += len(dump_json(value))
    return size_bytes


def backoff_of(spec: Spec) -> Backoff:
    """Return how long the job waits after a failure."""
    return Backoff(**spec.get("backoff", {}))


def _make_key(kind: str, spec: Spec) -> None:
    """Give a unique job that has no key of its own one of its type and its arguments."""
    unique = spec.get("unique")
    if unique is None or ("key" in unique and not unique["key"].startswith(_MADE)):
        return
    said = dump_json([kind, spec.get("args")])
    spec["unique"] = {**unique, "key": _MADE + b64url(sha256(said).digest())}


def _args(key: str, value: Any) -> RawJson:
    """Return *value* as JSON, in the one form that it has wherever it is read and written again."""
    try:
        raw = dump_value(orjson.loads(value.raw) if isinstance(value, RawJson) else value)
    except (TypeError, ValueError) as error:
        raise _bad(key, "what JSON can carry", error) from error
    return check_args(RawJson(raw))


def check_args(args: RawJson) -> RawJson:
    """Return *args* when they are no larger, and no deeper, than a job's arguments may be.

    Raises:
        LimitExceededError: they are.
    """
    check_value(args.raw)
    if len(args.raw) > JOB_ARGS_MAX_BYTES:
        raise LimitExceededError(
            "size of a job's arguments in bytes", given=len(args.raw), maximum=JOB_ARGS_MAX_BYTES
        )
    return args


def _whole(least: int, most: int) -> Callable[[str, Any], int]:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _bad(key, f"a whole number of {least} to {most}", value)
        return value

    return read


def _text(most: int) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable():
            raise _bad(key, f"a printable text of 1 to {most} characters", value)
        return value

    return read


def _after(key: str, value: Any) -> list[list[str]]:
    edges: dict[str, str] = {}
    for each in _list(key, value, JOB_PARENTS_MAX):
        job, otherwise = _edge(key, each)
        if edges.setdefault(check_name(job, key), otherwise) != otherwise:
            raise _bad(key, "each job once", job)
    return [list(edge) for edge in edges.items()]


def _edge(key: str, each: Any) -> tuple[Any, str]:
    """Return the job and the policy that *each* names: an id alone, a pair, or a map."""
    if isinstance(each, Mapping):
        if not each.keys() <= {"job", "otherwise"}:
            raise _bad(key, "the keys job and otherwise", list(each))
        each = (each.get("job", ""), each.get("otherwise", Otherwise.FAIL))
    if isinstance(each, str):
        return each, Otherwise.FAIL.value
    if not isinstance(each, list | tuple) or len(each) != len(("job", "otherwise")):
        raise _bad(key, "a job, or a job and what to do otherwise", each)
    if each[1] not in [*Otherwise]:  # which need not be hashable
        raise _bad(key, f"one of {', '.join(Otherwise)}", each[1])
    return each[0], str(each[1])


def _names(key: str, value: Any) -> list[str]:
    return [check_name(each, key) for each in _list(key, value, JOB_PARENTS_MAX)]


def _unique(key: str, value: Any) -> dict[str, Any] | None:
    if value is None or value is False:
        return None  # said, all the same: whatever the defaults of its type are
    if value is True:
        return {}
    if isinstance(value, str):
        return {"key": _text(JOB_KEY_MAX_CHARS)(key, value)}
    known = {
        "key": _text(JOB_KEY_MAX_CHARS),
        "states": _states,
        "window_ms": _whole(0, INTERVAL_MAX_MS),
    }
    return _map(key, value, known)


def _states(key: str, value: Any) -> list[str]:
    for each in _list(key, value, len(JobState)):
        if each not in [*JobState]:  # which need not be hashable
            raise _bad(key, f"some of {', '.join(JobState)}", each)
    return sorted(set(value))


def _backoff(key: str, value: Any) -> dict[str, Any]:
    known = {
        "base_ms": _whole(0, INTERVAL_MAX_MS),
        "factor": _number(1, BACKOFF_FACTOR_MAX),
        "max_ms": _whole(0, INTERVAL_MAX_MS),
        "jitter": _number(0, 1),
    }
    return _map(key, value, known)


def _number(least: float, most: float) -> Callable[[str, Any], float]:
    def read(key: str, value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise _bad(key, f"a number of {least} to {most}", value)
        return float(value)

    return read


def _takes(key: str, value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping) or len(value) > JOB_TAKES_MAX:
        raise _bad(key, f"a map of at most {JOB_TAKES_MAX} names and numbers", value)
    count = _whole(1, JOB_TOKENS_MAX)
    takes = {
        check_name(name, key): count(f"{key}.{name}", number) for name, number in value.items()
    }
    return dict(sorted(takes.items()))


def _map(key: str, value: Any, known: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value.keys() <= known.keys():
        raise _bad(key, f"a map with some of {', '.join(known)}", value)
    return {name: known[name](f"{key}.{name}", each) for name, each in sorted(value.items())}


def _list(key: str, value: Any, most: int) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple) or len(value) > most:
        raise _bad(key, f"a list of at most {most}", value)
    return value


def _bad(key: str, expected: str, found: object) -> MalformedError:
    return MalformedError(f"{key}: expected {expected}, found {str(found)[:64]!r}", code="bad_job")


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "args": _args,
    "priority": _whole(-JOB_PRIORITY_MAX, JOB_PRIORITY_MAX),
    "delay_ms": _whole(0, INTERVAL_MAX_MS),
    "due_ms": _whole(0, INSTANT_MAX_MS),
    "deadline_ms": _whole(0, INSTANT_MAX_MS),
    "after": _after,
    "inputs": _names,
    "unique": _unique,
    "key": _text(JOB_KEY_MAX_CHARS),
    "takes": _takes,
    "command": lambda key, value: read_command(value, key).to_plain(),
    "limits": lambda key, value: plain_limits(value, key),
    "retries": _whole(0, JOB_RETRIES_MAX),
    "crashes_max": _whole(1, JOB_CRASHES_MAX),
    "backoff": _backoff,
    "lease_ms": _whole(JOB_LEASE_MIN_MS, JOB_LEASE_MAX_MS),
    "silence_ms": _whole(JOB_LEASE_MIN_MS, INTERVAL_MAX_MS),
    "trace": _text(JOB_TRACE_MAX_CHARS),
}
_DEFAULTS: Final = frozenset(_READERS) - OF_ONE_JOB
