"""The functions that workers run: found in modules, and shared out by queue and category."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seriatim.actors.app.app import App
from seriatim.formats.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from seriatim.actors.worker.handler import Handler

_LOG: Final = logging.getLogger("seriatim.gateway")
_QUEUE: Final = "default"


class Share(NamedTuple):
    """What one worker runs.

    Attributes:
        queue: where its jobs come from.
        category: what it is counted under.
        handlers: what runs jobs that are functions, by type.
        room: how many of these may run at once, by what they say themselves.
    """

    queue: str
    category: str
    handlers: Mapping[str, Handler]
    room: int


def load_apps(places: Sequence[str]) -> dict[str, App]:
    """Return the apps of the modules at *places*, by the place of each, such as ``shop.jobs:app``.

    Args:
        places: a module, ``shop.jobs``, for all of its apps; or one app, ``shop.jobs:app``.

    Raises:
        MalformedError: a module cannot be loaded, or has none; two apps have a job of one type in
            one queue; code ``bad_module``.
    """
    apps: dict[str, App] = {}
    for place in places:
        found = _apps_of(place)
        if len(found) > 1:
            _LOG.warning(
                "%s has %d apps, and all of them are served: %s; to serve one, name it so",
                place,
                len(found),
                ", ".join(found),
            )
        for name, app in found.items():
            if app not in apps.values():
                apps[name] = app
    _check_apart(apps)
    return apps


def _apps_of(place: str) -> dict[str, App]:
    module, _, name = place.partition(":")
    if not module:
        raise MalformedError(
            f"{place!r} names no module: expected such as shop.jobs, or shop.jobs:app",
            code="bad_module",
        )
    try:
        loaded: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise MalformedError(
            f"module {module} cannot be imported: {type(error).__name__}: {error}",
            code="bad_module",
        ) from error
    there = [each for each, value in vars(loaded).items() if isinstance(value, App)]
    apps: dict[str, App] = {}
    for each in [name] if name else there:
        app = getattr(loaded, each, None)
        if isinstance(app, App) and app not in apps.values():
            apps[f"{module}:{each}"] = app
    if not apps:
        others = f"; there are: {', '.join(there)}" if there else ""
        raise MalformedError(f"{place} has no seriatim.App{others}", code="bad_module")
    return apps


def _check_apart(apps: Mapping[str, App]) -> None:
    """Refuse two apps for one kind of job: nobody could tell which of them would run it."""
    owners: dict[tuple[str, str], str] = {}
    for place, app in apps.items():
        for kind, function in app.functions.items():
            queue = function.declared.queue
            owner = owners.setdefault((queue, kind), place)
            if owner != place:
                raise MalformedError(
                    f"{owner} and {place} both have a job {kind} in queue {queue}: name the one "
                    "that is to be served, or give one of them another type",
                    code="bad_module",
                )


def share_out(
    apps: Collection[App], queues: Sequence[str], category: str, *, takes_commands: bool
) -> list[Share]:
    """Return what workers run of *apps*: one worker for each category of a queue.

    Args:
        apps: have the functions.
        queues: whose jobs are wanted; none for those of the functions.
        category: of which functions are wanted, beside those of none; empty for all.
        takes_commands: whether each worker has commands to run anyway.

    Raises:
        RefusedError: a worker that is wanted would run nothing; code ``nothing_to_run``.
    """
    wanted = dict.fromkeys(queues) or sorted({queue for app in apps for queue in app.queues})
    shares = [
        _share(apps, queue, each, {each, ""} if category else {each})
        for queue in wanted or [_QUEUE]
        for each in ([category] if category else _categories(apps, queue))
    ]
    found = [share for share in shares if takes_commands or share.handlers]
    idle = dict.fromkeys(queues).keys() - {share.queue for share in found}
    if idle or not found:
        raise RefusedError(_nothing(apps, sorted(idle), category), code="nothing_to_run")
    return found


def _share(apps: Collection[App], queue: str, category: str, own: Collection[str]) -> Share:
    handlers: dict[str, Handler] = {}
    for app in apps:
        handlers |= app.handlers(queue, own)
    return Share(queue, category, handlers, sum(app.room(queue, own) for app in apps))


def _categories(apps: Collection[App], queue: str) -> Sequence[str]:
    return sorted({each for app in apps for each in app.categories(queue)}) or [""]


def _nothing(apps: Collection[App], idle: Sequence[str], category: str) -> str:
    """Return why nothing would run, and what there is instead."""
    there = sorted(
        {(queue, each) for app in apps for queue in app.queues for each in app.categories(queue)}
    )
    if not there:
        return "there is nothing to run: name a module whose App has jobs, or say --commands"
    asked = [f"queue {queue}" for queue in idle] + [f"category {category}"] * bool(category)
    found = [f"queue {queue}" + f" with category {each}" * bool(each) for queue, each in there]
    return f"no function is of {' and '.join(asked)}; there are functions of {', '.join(found)}"
