"""What stands in a job's arguments for the result of another job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from seriatim.formats.jobs.raw_json import RawJson

RESULT_OF: Final = "$result-of"
"""The only key of a map that stands for the result of the job whose id is its value."""

_QUOTED: Final = b'"$result-of"'


def results_in(args: RawJson) -> list[Any]:
    """Return what *args* name as jobs whose results they want, each once, as it stands there."""
    return list(dict.fromkeys(map(_hashable, places_in(args))))


def places_in(args: RawJson) -> list[Any]:
    """Return the same for each place where a result is to stand, in the order of the arguments."""
    return list(_named(orjson.loads(args.raw))) if _QUOTED in args.raw else []


def _named(value: Any) -> Iterator[Any]:
    """Yield what is named, in the order of the arguments."""
    if isinstance(value, dict):
        if value.keys() == {RESULT_OF}:
            yield value[RESULT_OF]
            return
        value = value.values()
    elif not isinstance(value, list):
        return
    for each in value:
        yield from _named(each)


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value
