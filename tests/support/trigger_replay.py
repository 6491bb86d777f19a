"""The rows of triggers, made anew from the logs alone: I9's other half.

Reads the node's commits in their order, and knows what the words of a trigger table mean; what is
in the tree it never looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.recurrence.zone_database import zone_database_version
from seriatim.formats.triggers.definition import Definition, fire_key
from seriatim.formats.triggers.progress import (
    Defined,
    Progress,
    State,
    encode_defined,
    encode_progress,
)
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.log import Log, Place
from seriatim.store.tree.memory_tree import MemoryTree
from seriatim.store.tree.tree import NodeKind

_PAGE = 1_000
_STATES = {"pause": State.PAUSED, "resume": State.LIVE, "remove": State.REMOVED}
Path = tuple[str, ...]


class Said(NamedTuple):
    """What a log says of a trigger.

    Attributes:
        trigger: its id, as text.
        action: a word of the table, or ``fire`` for a message in another process.
        fields: what the slot says.
    """

    trigger: str
    action: str
    fields: Mapping[str, Any]


def written_rows(tree: MemoryTree) -> dict[Path, bytes]:
    """Return what *tree* says of triggers."""
    return {
        path: node.content
        for path, node in tree._nodes.items()
        if node.kind is NodeKind.VALUE and path[0] == "triggers"
    }


@dataclass
class _Trigger:
    defined: Defined
    state: State
    cursor_ms: int
    changes: int = 0

    def progress(self) -> Progress:
        recurrence = self.defined.definition.timing(self.defined.defined_ms).recurrence
        next_ms = recurrence.after(self.cursor_ms)
        if self.state is State.LIVE and next_ms is None:
            self.state = State.OVER
        return Progress(
            self.state,
            self.cursor_ms,
            next_ms if self.state is State.LIVE else None,
            self.changes,
            waits_for=self.defined.definition.waits_for,
            edition=zone_database_version(),
        )


class TriggerReplay:
    """What the logs of one node say of its triggers, up to a commit.

    Attributes:
        rows: what has to stand in the tree below ``triggers``.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._commits = 0
        self._table: bytes | None = None
        self._triggers: dict[str, _Trigger] = {}
        self.rows: dict[Path, bytes] = {}

    def go_on(self) -> list[Said]:
        """Read what has been committed since; return what it says, in its order."""
        found = [said for place in self._places() for said in self._read(place)]
        for trigger in {said.trigger for said in found}:
            self._write(trigger)
        return found

    def _places(self) -> Iterator[Place]:
        while page := self._log.commits(self._commits, _PAGE):
            self._commits += len(page)
            yield from page

    def _read(self, place: Place) -> Iterator[Said]:
        record = self._log.read(*place)
        assert record is not None
        fields = StoredAssignment(*place, record).fields
        if fields.get("table") == "Trigger-Table":
            self._table = place.process
            self.rows["triggers", "table"] = place.process
        elif place.process == self._table:
            trigger, action = str(fields["trigger"]), str(fields["action"])
            self._apply(trigger, action, fields, place.process)
            yield Said(trigger, action, fields)
        elif "trigger" in fields:
            trigger = str(fields["trigger"])
            key = fire_key(decode_id(trigger), str(fields["nominal-time"]))
            # Anybody can say that something is a fire; only a node gives it the key.
            if self._log.find_in(place.process, key) == place.slot:
                self._apply(trigger, "fire", fields, place.process)
                yield Said(trigger, "fire", fields)

    def _apply(self, trigger: str, action: str, fields: Mapping[str, Any], process: bytes) -> None:
        raw = decode_id(trigger)
        if action == "define":
            self._define(trigger, fields)
        known = self._triggers[trigger]
        occasion = f"change {known.changes}"
        if action in ("fire", "run"):
            occasion = str(fields["nominal-time"])
            # A signed item has texts alone.
            known.cursor_ms = max(known.cursor_ms, int(fields["nominal-time"]))
        elif action == "miss":
            occasion = f"miss {fields['first']} {fields['last']}"
            known.cursor_ms = fields["last"]
        elif action in _STATES:
            known.state = _STATES[action]
            known.cursor_ms = fields.get("last", known.cursor_ms)
        elif action == "end":
            occasion = f"end {known.changes}"
            run = encode_id(fire_key(raw, str(fields["nominal-time"])))
            del self.rows["triggers", "runs", run]
        key = fire_key(raw, occasion)
        if action == "run":
            nominal = fields["nominal-time"].to_bytes(8)
            self.rows["triggers", "runs", encode_id(key)] = raw + nominal
        self.rows["triggers", "history", trigger, f"{known.changes:019d}"] = process + key
        known.changes += 1

    def _define(self, trigger: str, fields: Mapping[str, Any]) -> None:
        definition = Definition.from_fields(fields["definition"])
        defined_ms = fields["defined"]
        cursor_ms = defined_ms - (definition.start == "now")
        before = self._triggers.get(trigger)
        changes = 0
        if before is not None:
            cursor_ms, changes = max(cursor_ms, before.cursor_ms), before.changes
        cursor_ms = max(cursor_ms, fields.get("last", cursor_ms))
        defined = Defined(definition, defined_ms)
        self._triggers[trigger] = _Trigger(defined, State.LIVE, cursor_ms, changes)

    def _write(self, trigger: str) -> None:
        """Have the rows say what *trigger* is now."""
        known = self._triggers[trigger]
        progress = known.progress()
        self.rows["triggers", "defined", trigger] = encode_defined(known.defined)
        if known.state is State.REMOVED:
            del self.rows["triggers", "defined", trigger]
        self.rows.pop(("triggers", "live", trigger), None)
        self.rows.pop(("triggers", "resting", trigger), None)
        group = "live" if progress.state is State.LIVE else "resting"
        self.rows["triggers", group, trigger] = encode_progress(progress)
