"""What a trigger is: when it is due, and what it does then. As it was given, and checked.

A definition is a map of texts, the same in Python, JSON and on disk; `docs/triggers.md` has its
fields. Its times are read when they are needed: a phrase such as ``tomorrow at 9`` counts from the
moment in which the trigger was defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from seriatim.formats.codecs.cbor import dump_plain
from seriatim.formats.codecs.fields import freeze
from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.ids import decode_id
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.limits import (
    TRIGGER_MAX_BYTES,
    TRIGGER_NAME_MAX_CHARS,
    TRIGGER_PATH_MAX_CHARS,
    TRIGGER_WINDOWS_MS,
)
from seriatim.formats.message import Value
from seriatim.formats.recurrence.interval import parse_duration
from seriatim.formats.recurrence.once import parse_instant
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.recurrence import Recurrence
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.formats.recurrence.zone_database import read_zone

NOMINAL_TIME: Final = "nominal-time"
TRIGGER: Final = "trigger"
EVENT: Final = "event"
PATHS: Final = "/"
"""What triggers wait for that ask a path: a node that answers paths."""
JOBS: Final = "+"
"""What triggers wait for that submit a job: a node that has queues."""

_OWN_FIELDS: Final = frozenset({TRIGGER, NOMINAL_TIME, EVENT})
_METHODS: Final = ("GET", "POST")
_NO_OVERLAP: Final = (
    "nothing for a message, which is done with when it is placed, or for a job, which is when it "
    "is submitted: that no other one is there meanwhile, its 'unique' says"
)
_NAMED: Final = b"seriatim trigger name 1\0"
_UNNAMED: Final = b"seriatim trigger 1\0"
_FIRE: Final = b"seriatim fire 1\0"

_EnumT = TypeVar("_EnumT", bound=StrEnum)


class Misfire(StrEnum):
    """What becomes of nominal times that are over by more than ``FIRE_LATE_MS``."""

    ONCE = "once"
    """The last of them fires, if it is at most a window old and no later one is due."""
    ALL = "all"
    """All of them fire that are at most a window old."""
    SKIP = "skip"
    """None of them fires."""


class Overlap(StrEnum):
    """What a fire does while the run before it has not ended."""

    ALLOW = "allow"
    """Begin a second run."""
    QUEUE = "queue"
    """Wait until it has ended; what is late then is a misfire."""
    SKIP = "skip"
    """Miss."""
    CANCEL = "cancel"
    """Cancel it, and begin."""


class Timing(NamedTuple):
    """When a trigger is due, read.

    Attributes:
        recurrence: its nominal times.
        jitter_ms: over how much its fires are spread.
        misfire: what becomes of late ones.
        window_ms: how late they may be.
    """

    recurrence: Recurrence
    jitter_ms: int
    misfire: Misfire
    window_ms: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Definition:
    """A trigger as it was defined; texts are empty where nothing was said.

    Attributes:
        when: a recurrence: see ``docs/cron.md``. Either it or ``watch`` is there.
        watch: the kind of a watch, and what it asks for.
        tz: the IANA zone whose clocks are meant.
        start: the first instant that may be a nominal time (inclusive), ISO 8601; ``now`` is when
            the trigger is defined. Of an interval, the first nominal time.
        end: the first instant that may be none any more (exclusive), ISO 8601.
        jitter: over how much fires are spread: a duration.
        gap: see `GapPolicy`.
        fold: see `FoldPolicy`.
        misfire: see `Misfire`.
        window: how late a misfire may be: a duration.
        overlap: see `Overlap`; ``None`` is to skip, and for events to queue. Only of what
            `may_overlap`.
        name: another definition of the same name replaces this one.
        process: the process that gets a message.
        message: what the message says.
        path: a path of this node that is asked.
        method: how it is asked.
        body: what is posted there.
        content_type: what the body is.
        function: the name of a function of the program around an embedded node.
        job: a job that is submitted: its ``queue``, and what else a job says; see ``docs/jobs.md``.
    """

    when: str = ""
    watch: Mapping[str, Value] | None = None
    tz: str = "UTC"
    start: str = ""
    end: str = ""
    jitter: str = ""
    gap: GapPolicy | None = None
    fold: FoldPolicy | None = None
    misfire: Misfire = Misfire.ONCE
    window: str = ""
    overlap: Overlap | None = None
    name: str = ""
    process: str = ""
    message: Mapping[str, Value] | None = None
    path: str = ""
    method: str = "GET"
    body: bytes = b""
    content_type: str = ""
    function: str = ""
    job: Mapping[str, Value] | None = None

    def __repr__(self) -> str:
        return f"Definition({self.fields})"

    @property
    def id(self) -> bytes:
        """The trigger's id, 32 raw bytes: of its name, or else of all that it says."""
        if self.name:
            return sha256(_NAMED + self.name.encode()).digest()
        return sha256(_UNNAMED + dump_plain(self.fields)).digest()

    @property
    def fields(self) -> dict[str, Value]:
        """What it says, by name, with hyphens: texts, and the two maps."""
        said = ((each.name, getattr(self, each.name)) for each in dataclass_fields(self))
        return {
            name.replace("_", "-"): str(value) if isinstance(value, StrEnum) else value
            for name, value in said
            if value != getattr(_EMPTY, name)
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Definition:
        """Return the definition of which *fields* are the `fields`, and so have been checked."""
        said = {name.replace("-", "_"): value for name, value in fields.items()}
        return cls(**{name: _CHOICES.get(name, _same)(value) for name, value in said.items()})

    @property
    def due_by(self) -> tuple[object, ...]:
        """All that decides when it is due; the policies for what is late do not."""
        return (self.when, self.tz, self.start, self.end, self.gap, self.fold, self.watch)

    @property
    def waits_for(self) -> str:
        """What has to be there before it can fire: a function, `PATHS`, `JOBS`, or nothing."""
        return self.function or (PATHS if self.path else "") or (JOBS if self.job else "")

    @property
    def may_overlap(self) -> bool:
        """Whether what a fire starts may last until the next one: a function, or a path.

        A message is done with when it is placed, and a job when it is submitted.
        """
        return bool(self.function or self.path)

    def timing(self, defined_ms: int) -> Timing:
        """Return when it is due, for a trigger without a watch that was defined at *defined_ms*.

        Raises:
            MalformedError: a time is none; see `parse_recurrence`, `read_zone`, `parse_duration`.
            LimitExceededError: one is longer or later than there is.
        """
        zone = read_zone(self.tz)
        start_ms = None
        if self.start:
            start_ms = defined_ms if self.start == "now" else parse_instant(self.start, zone)
        recurrence = parse_recurrence(
            self.when,
            zone,
            now_ms=defined_ms,
            start_ms=start_ms,
            end_ms=parse_instant(self.end, zone) if self.end else None,
            gap=self.gap,
            fold=self.fold,
        )
        return Timing(
            recurrence,
            parse_duration(self.jitter) if self.jitter else 0,
            self.misfire,
            parse_duration(self.window) if self.window else TRIGGER_WINDOWS_MS[self.misfire],
        )


def _same(value: Any) -> Any:
    return value


_EMPTY: Final = Definition()
_CHOICES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "gap": GapPolicy,
    "fold": FoldPolicy,
    "misfire": Misfire,
    "overlap": Overlap,
}
_OTHERS: Final = frozenset({"watch", "message", "job", "body", *_CHOICES})
DEFINITION_KEYS: Final = frozenset(
    each.name.replace("_", "-") for each in dataclass_fields(Definition)
)
"""What a definition may say."""
_TEXTS: Final = DEFINITION_KEYS - _OTHERS


def parse_definition(plain: Mapping[str, object]) -> Definition:
    """Return the definition that *plain* says; whether it is ever due is not looked at.

    Args:
        plain: the fields of `Definition`, with hyphens; those that are not there say nothing.

    Raises:
        MalformedError: a field is not known, or says what it cannot (``bad_trigger``, which names
            it; ``bad_value``).
        LimitExceededError: it is larger than a trigger can be.
    """
    fields = freeze(plain)
    for key in fields:
        if key not in DEFINITION_KEYS:
            _refuse(key, f"a field of a trigger ({', '.join(sorted(DEFINITION_KEYS))})", key)
    definition = Definition(
        **{key.replace("-", "_"): _text(fields, key) for key in _TEXTS & fields.keys()},
        watch=_map(fields, "watch"),
        message=_map(fields, "message"),
        job=_map(fields, "job"),
        body=_body(fields),
        gap=_choice(fields, "gap", GapPolicy),
        fold=_choice(fields, "fold", FoldPolicy),
        misfire=_choice(fields, "misfire", Misfire) or Misfire.ONCE,
        overlap=_choice(fields, "overlap", Overlap),
    )
    try:
        size_bytes = len(dump_plain(definition.fields))
    except UnicodeEncodeError as error:
        raise MalformedError(f"text that is not Unicode: {error}", code="bad_value") from error
    if size_bytes > TRIGGER_MAX_BYTES:
        raise LimitExceededError("bytes of a trigger", given=size_bytes, maximum=TRIGGER_MAX_BYTES)
    _check_action(definition)
    if bool(definition.when) == (definition.watch is not None):
        _refuse("when", "a recurrence, or a watch instead of it", definition.when)
    return definition


def read_definition(plain: Mapping[str, object], *, now_ms: int) -> Definition:
    """Return the definition that *plain* says, which is due some time.

    Args:
        plain: as for `parse_definition`.
        now_ms: when it is defined.

    Raises:
        MalformedError: as for `parse_definition`; a time is none (see `Definition.timing`); it is
            never due (``never_due``, ``past_time``).
        LimitExceededError: as for `parse_definition`, and of times.
    """
    definition = parse_definition(plain)
    check_times(definition, now_ms)
    return definition


def check_times(definition: Definition, now_ms: int) -> None:
    """Return when *definition* is one that is due, some time from *now_ms* on.

    Raises:
        MalformedError, LimitExceededError: see `read_definition`.
    """
    if definition.watch is not None:
        for key in ("start", "end", "jitter", "window"):
            if getattr(definition, key):
                _refuse(key, "nothing beside a watch", getattr(definition, key))
        return
    timing = definition.timing(now_ms)
    if timing.recurrence.after(now_ms - 1) is None:
        raise MalformedError(
            f"{definition.when!r} is never due from its start to its end", code="never_due"
        )
    if timing.misfire is Misfire.SKIP and definition.window:
        _refuse("window", "no window beside the policy 'skip'", definition.window)


def fire_key(trigger: bytes, occasion: str) -> bytes:
    """Return the dedupe key, 32 raw bytes, of the one fire of *trigger* for an *occasion*.

    Args:
        trigger: its id, 32 raw bytes.
        occasion: the nominal time in decimal; or what else has happened, in words of its own.
    """
    return sha256(_FIRE + trigger + occasion.encode()).digest()


def _check_action(definition: Definition) -> None:
    """Refuse what does nothing, or several things, or what cannot be done."""
    kinds = ("process", "path", "function", "job")
    actions = [each for each in kinds if getattr(definition, each)]
    if len(actions) != 1:
        _refuse("process", "one of process, path, function and job", " and ".join(actions))
    if len(definition.name) > TRIGGER_NAME_MAX_CHARS or not definition.name.isprintable():
        _refuse("name", f"at most {TRIGGER_NAME_MAX_CHARS} printable characters", definition.name)
    if definition.process:
        decode_id(definition.process)
        # Names of tags have no case.
        taken = _OWN_FIELDS & {name.lower() for name in definition.message or ()}
        if taken:
            _refuse("message", "no field that a fire has itself", ", ".join(sorted(taken)))
    elif definition.message is not None:
        _refuse("message", "a process beside it", "none")
    if definition.job:
        _check_job(definition.job)
    if definition.overlap is not None and not definition.may_overlap:
        _refuse("overlap", _NO_OVERLAP, definition.overlap)
    if definition.path:
        _check_request(definition)
    elif definition.body or definition.content_type or definition.method != "GET":
        _refuse("method", "a path beside method, body and content-type", "none")


def _check_job(job: Mapping[str, Value]) -> None:
    """Refuse what no queue would take."""
    said = dict(job)
    check_name(str(said.pop("queue", "")), "queue")
    if "id" in said:
        _refuse("job", "no id: each time is a job of its own", said["id"])
    read_asked(said)


def _check_request(definition: Definition) -> None:
    """Refuse a path that could lead anywhere but to this node."""
    path = definition.path
    is_plain = path.isascii() and path.isprintable() and not set(path) & set(' \\#<>"{}|^`')
    if not path.startswith("/") or path.startswith("//") or not is_plain:
        _refuse("path", "a path of this node, such as /~scheduler@1.0/status", path)
    if len(path) > TRIGGER_PATH_MAX_CHARS:
        raise LimitExceededError("path", given=len(path), maximum=TRIGGER_PATH_MAX_CHARS)
    if definition.method not in _METHODS:
        _refuse("method", " or ".join(_METHODS), definition.method)
    if definition.method == "GET" and definition.body:
        _refuse("body", "the method POST beside it", "GET")
    if not (definition.content_type.isascii() and definition.content_type.isprintable()):
        _refuse("content-type", "a media type", definition.content_type)


def _text(fields: Mapping[str, Value], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        _refuse(key, "text", value)
    return value


def _map(fields: Mapping[str, Value], key: str) -> Mapping[str, Value] | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, Mapping):
        _refuse(key, "a map", value)
    return value


def _body(fields: Mapping[str, Value]) -> bytes:
    value = fields.get("body", b"")
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        _refuse("body", "text or bytes", value)
    return value


def _choice(fields: Mapping[str, Value], key: str, kind: type[_EnumT]) -> _EnumT | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or value not in set(kind):
        _refuse(key, " or ".join(kind), value)
    return kind(value)


def _refuse(key: str, expected: str, found: object) -> NoReturn:
    raise MalformedError(
        f"{key}: expected {expected}; found {str(found)[:64]!r}", code="bad_trigger"
    )
