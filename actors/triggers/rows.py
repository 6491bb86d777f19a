"""What the tree says of triggers: rows that are written with the slots that they are derived from.

::

    triggers/table              id of the process whose log is the table's
    triggers/defined/ID         what the trigger is
    triggers/live/ID            how far it has come, while anything of it may be due;
    triggers/resting/ID         that, while it is paused, over or removed
    triggers/history/ID/N       where the N-th thing that has happened to it stands: a place's key
    triggers/runs/KEY           a run that has begun and not ended
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.formats.errors import FormatError, StoreError
from seriatim.formats.ids import ID_BYTES, decode_id, encode_id
from seriatim.formats.limits import PAGE_MAX
from seriatim.formats.triggers.progress import (
    Defined,
    Progress,
    State,
    decode_defined,
    decode_progress,
    encode_defined,
    encode_progress,
)

if TYPE_CHECKING:
    from seriatim.formats.schedule.assignment import Rows
    from seriatim.store.tree.tree import Tree, TreePath

_LOG: Final = logging.getLogger("seriatim.actors")
TABLE: Final[TreePath] = ("triggers", "table")
_DEFINED: Final[TreePath] = ("triggers", "defined")
_LIVE: Final[TreePath] = ("triggers", "live")
_RESTING: Final[TreePath] = ("triggers", "resting")
_HISTORY: Final[TreePath] = ("triggers", "history")
_RUNS: Final[TreePath] = ("triggers", "runs")
_DIGITS: Final = 19


class Where(NamedTuple):
    """Where something that has happened to a trigger stands.

    Attributes:
        process: whose log, 32 raw bytes.
        key: the dedupe key of the message there, 32 raw bytes.
    """

    process: bytes
    key: bytes


class Begun(NamedTuple):
    """A run that has begun and not ended.

    Attributes:
        key: its dedupe key, 32 raw bytes.
        trigger: id of its trigger, 32 raw bytes.
        nominal_ms: for when it is.
    """

    key: bytes
    trigger: bytes
    nominal_ms: int


class Known(NamedTuple):
    """What is known of a trigger, at one moment."""

    defined: Defined | None
    progress: Progress | None


class TriggerRows:
    """Reads the rows of triggers; ids are 32 raw bytes."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def table(self) -> bytes | None:
        """Return the id of the process whose log is the table's; ``None`` before there is one."""
        return self._tree.get(TABLE)

    def of(self, trigger: bytes) -> Known:
        """Return what *trigger* is, and how far it has come; of one that was removed, the latter.

        Raises:
            StoreError: a row is damaged.
        """
        name = encode_id(trigger)
        defined, *progress = self._tree.get_all(
            ((*_DEFINED, name), (*_LIVE, name), (*_RESTING, name))
        )
        with _reading(trigger):
            return Known(
                None if defined is None else decode_defined(defined), _first_progress(progress)
            )

    def defined(self, trigger: bytes) -> Defined | None:
        """Return what *trigger* is.

        Raises:
            StoreError: the row is damaged.
        """
        raw = self._tree.get((*_DEFINED, encode_id(trigger)))
        with _reading(trigger):
            return None if raw is None else decode_defined(raw)

    def progress(self, trigger: bytes) -> Progress | None:
        """Return how far *trigger* has come; that of one that was removed, too.

        Raises:
            StoreError: the row is damaged.
        """
        name = encode_id(trigger)
        found = self._tree.get_all(((*_LIVE, name), (*_RESTING, name)))
        with _reading(trigger):
            return _first_progress(found)

    def triggers(self, after: bytes | None, limit: int) -> list[bytes]:
        """Return up to *limit* triggers, from the first one behind *after*, by the text of ids."""
        name = None if after is None else encode_id(after)
        return [decode_id(each) for each in self._tree.list(_DEFINED, after=name, limit=limit)]

    def count(self) -> int:
        """Return how many triggers there are."""
        after: str | None = None
        count = 0
        while names := self._tree.list(_DEFINED, after=after, limit=PAGE_MAX):
            count += len(names)
            after = names[-1]
        return count

    def glance(self, limit: int) -> tuple[Sequence[bytes], bool]:
        """Return progress rows of up to *limit* live triggers, and whether a run goes on."""
        rows = self._tree.values(_LIVE, limit=limit)
        return [raw for _, raw in rows], bool(self._tree.list(_RUNS, limit=1))

    def live(self) -> Iterator[list[tuple[bytes, Progress]]]:
        """Yield all that are live, a page at a time; what is damaged is logged, and left out."""
        after: str | None = None
        while names := self._tree.list(_LIVE, after=after, limit=PAGE_MAX):
            page = []
            for name in names:
                raw = self._tree.get((*_LIVE, name))
                if raw is None:
                    continue
                trigger = decode_id(name)
                try:
                    with _reading(trigger):
                        page.append((trigger, decode_progress(raw)))
                except StoreError:
                    _LOG.exception("a trigger does not fire")
            yield page
            after = names[-1]

    def history(self, trigger: bytes, after: int, limit: int) -> list[tuple[int, Where]]:
        """Return up to *limit* entries of the history of *trigger* behind number *after*."""
        group = (*_HISTORY, encode_id(trigger))
        name = None if after < 0 else _number(after)
        found = []
        for each in self._tree.list(group, after=name, limit=limit):
            raw = self._tree.get((*group, each)) or b""
            found.append((int(each), Where(raw[:ID_BYTES], raw[ID_BYTES:])))
        return found

    def begun(self) -> Iterator[Begun]:
        """Yield the runs that have not ended."""
        after: str | None = None
        while names := self._tree.list(_RUNS, after=after, limit=PAGE_MAX):
            for name in names:
                raw = self._tree.get((*_RUNS, name))
                if raw is not None:
                    yield Begun(decode_id(name), raw[:ID_BYTES], int.from_bytes(raw[ID_BYTES:]))
            after = names[-1]

    def has_begun(self, key: bytes) -> bool:
        """Tell whether the run with *key* is one that has not ended."""
        return self._tree.get((*_RUNS, encode_id(key))) is not None


@contextmanager
def _reading(trigger: bytes) -> Iterator[None]:
    """Say of which trigger a row is that cannot be read."""
    try:
        yield
    except FormatError as error:
        raise StoreError(
            f"trigger {encode_id(trigger)}: {error}; restore the data folder, or define the "
            "trigger under another name"
        ) from error


def _first_progress(raws: Sequence[bytes | None]) -> Progress | None:
    raw = next((each for each in raws if each is not None), None)
    return None if raw is None else decode_progress(raw)


def table_row(process: bytes) -> Rows:
    """Return the row that says which process is the table's."""
    return ((TABLE, process),)


def defined_rows(trigger: bytes, defined: Defined | None) -> Rows:
    """Return the row that says what *trigger* is; ``None`` takes it away."""
    value = None if defined is None else encode_defined(defined)
    return (((*_DEFINED, encode_id(trigger)), value),)


def change_rows(trigger: bytes, after: Progress, before: Progress | None, where: Where) -> Rows:
    """Return the rows that follow from a change of *trigger*.

    Args:
        trigger: its id.
        after: how far it has come by that; the change is counted here.
        before: how far it had come, if it was there.
        where: where the change stands.
    """
    name, number = encode_id(trigger), 0 if before is None else before.changes
    rows: Rows = (
        *progress_rows(trigger, after._replace(changes=number + 1)),
        ((*_HISTORY, name, _number(number)), where.process + where.key),
    )
    if before is None or _group(before) == _group(after):
        return rows
    return (*rows, ((*_group(before), name), None))


def progress_rows(trigger: bytes, progress: Progress) -> Rows:
    """Return the row that says how far *trigger* has come."""
    path = (*_group(progress), encode_id(trigger))
    return ((path, encode_progress(progress)),)


def begin_rows(begun: Begun) -> Rows:
    """Return the row of a run that begins."""
    path = (*_RUNS, encode_id(begun.key))
    return ((path, begun.trigger + begun.nominal_ms.to_bytes(8)),)


def end_rows(key: bytes) -> Rows:
    """Return the row of a run that has ended: there is none."""
    return (((*_RUNS, encode_id(key)), None),)


def _group(progress: Progress) -> TreePath:
    return _LIVE if progress.state is State.LIVE else _RESTING


def _number(number: int) -> str:
    return f"{number:0{_DIGITS}d}"
