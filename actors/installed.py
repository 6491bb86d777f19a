"""What installed packages offer a node under its entry point groups, loaded and checked.

The one place that does so, for whatever can be added: devices, codecs, reply formats, folds,
watches.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from seriatim.formats.errors import UnsupportedError


def installed(group: str, shape: Any) -> list[Any]:
    """Return what is offered under *group*, each of the runtime-checkable protocol *shape*.

    An entry point names an object, or a class that is made one without arguments. Loads the code of
    other packages.

    Raises:
        UnsupportedError: one cannot be loaded, or has another shape.
    """
    return [_load(entry, shape) for entry in entry_points(group=group)]


def _load(entry: EntryPoint, shape: Any) -> Any:
    try:
        found = entry.load()
        offered = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as error:
        # Whatever that package does when it is imported, the operator hears which one it is.
        raise _unusable(entry, f"{type(error).__name__}: {error}") from error
    if not isinstance(offered, shape):
        raise _unusable(entry, f"it is no {shape.__name__}")
    return offered


def _unusable(entry: EntryPoint, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"the entry point {entry.name!r} of {entry.group} ({entry.value}) cannot be used: "
        f"{reason}; mend its package, or uninstall it"
    )
