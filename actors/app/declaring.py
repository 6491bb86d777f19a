"""What is said of a function where it becomes a job: what is wrong with it is wrong there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from seriatim.actors.app.options import JobOptions, milliseconds, naming, said_of
from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.settings import Settings
from seriatim.formats.jobs.spec import OF_ONE_JOB, read_asked, read_defaults
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.zone_database import read_zone

_MAIN: Final = "__main__"
# What is said of a type, and which of a queue's settings that is.
_SETTINGS: Final = {"concurrency": "types", "key_concurrency": "keys", "rate": "rates"}


def queue_settings(
    kinds: Sequence[str], said: Mapping[str, Any], options: JobOptions
) -> dict[str, Any]:
    """Return what the settings of a queue are to be for jobs of each of *kinds*.

    What is not said is ``None``: it is taken out where it was said before. Of *options*, whoever
    submits such a job by its type alone need not say those again.

    Raises:
        MalformedError: something is not what it has to be; codes ``bad_settings``, ``bad_job``.
    """
    settings: dict[str, Any] = {}
    for option, key in _SETTINGS.items():
        value = said.get(option)
        if option == "rate" and value is not None:
            value = _rate(value)
        settings[key] = dict.fromkeys(kinds, value)
        try:
            Settings().changed({key: settings[key]})
        except MalformedError as error:
            raise MalformedError(f"{option}: {error}", code=error.code) from error
    of_job = said_of(options)
    read_asked({"type": kinds[0], **of_job})  # what is wrong with it is said by its own name
    own = {key: value for key, value in of_job.items() if key not in OF_ONE_JOB | {"id"}}
    defaults = read_defaults("defaults", own)
    settings["defaults"] = dict.fromkeys(kinds, defaults or None)
    return settings


def _rate(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) != len(("jobs", "per")):
        raise MalformedError(
            f"rate: expected how many jobs, and within how long, such as (100, '1 minute'), "
            f"found {value!r}",
            code="bad_job",
        )
    with naming("rate"):
        return [value[0], milliseconds(value[1])]


def error_classes(option: str, said: Any) -> tuple[type[BaseException], ...]:
    """Return the classes that *said* is: one, or several.

    Raises:
        MalformedError: something else is among them; code ``bad_job``.
    """
    classes = tuple(said) if isinstance(said, list | tuple) else (said,)
    for each in classes:
        if not isinstance(each, type) or not issubclass(each, BaseException):
            raise MalformedError(
                f"{option}: expected classes of errors, found {each!r}", code="bad_job"
            )
    return classes


def check_function(function: Callable[..., Any]) -> None:
    """Return when *function* can be called with a job's arguments alone.

    Raises:
        MalformedError: it is a method, or no function; code ``bad_job``.
    """
    if not callable(function) or not hasattr(function, "__qualname__"):
        raise MalformedError(f"expected a function, found {function!r}", code="bad_job")
    inside, _, _ = function.__qualname__.rpartition(".")
    first = next(iter(inspect.signature(function).parameters), "")
    if inside and not inside.endswith("<locals>") and first in ("self", "cls"):
        raise MalformedError(
            f"{function.__qualname__} is a method, and a job has no {first}: make it a function "
            "that is given what it needs",
            code="bad_job",
        )


def check_schedule(function: Callable[..., Any], schedule: str, tz: str) -> None:
    """Return when jobs of *function* can come by *schedule*, in the zone *tz*.

    Raises:
        MalformedError: *schedule* or *tz* is none; or the function takes arguments, which nobody
            would give; codes ``bad_job``, and those of `parse_recurrence` and `read_zone`.
        LimitExceededError: *schedule* is longer than one may be.
    """
    with naming("tz"):
        zone = read_zone(tz)
    if not schedule:
        return
    with naming("schedule"):
        parse_recurrence(schedule, zone, now_ms=0)  # one time that is over is found at the start
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise MalformedError(
            f"schedule: such a job comes without arguments, and {function.__qualname__} cannot be "
            f"called so: {error}; give its parameters defaults",
            code="bad_job",
        ) from error


def target_of(function: Callable[..., Any]) -> str:
    """Return where a child finds *function*: ``module:name``.

    In a child, the program that runs here is a module like any other, by the name of its file.

    Raises:
        MalformedError: there is no such file; code ``bad_job``.
    """
    module = function.__module__
    if module == _MAIN:
        main = sys.modules[_MAIN]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec is not None else Path(file or "").stem
        if not module or (spec is None and "." in module):
            raise MalformedError(
                f"run: a child cannot import {function.__qualname__}, which is in no module: move "
                "it to one",
                code="bad_job",
            )
    return f"{module}:{function.__qualname__}"
