"""A month of a node with triggers, by a virtual clock, and what its logs have to say of it.

The node is killed and started again, paused, told other times and given a disk that is slow or
fails. After each of its lives everything that the logs say is compared: with what the policies say
(`trigger_policy.py`, by when the node has looked at its clock), and with the rows in the tree
(`trigger_replay.py`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from seriatim.actors.runtime.clock import pause
from seriatim.actors.triggers.runs import Run
from seriatim.formats.errors import UnavailableError
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import CLOCK_CHECK_MS
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.triggers.definition import JOBS, PATHS
from tests.support.drawn_triggers import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    START_MS,
    DrawnTrigger,
    draw_trigger,
)
from tests.support.simulated_disk import Fate, SimulatedDisk
from tests.support.trigger_life import TriggerLife
from tests.support.trigger_policy import FIRE, Begin, Look, Looks, Step, foresee
from tests.support.trigger_replay import Said, TriggerReplay, written_rows
from tests.support.waiting import until_idle

PROCESSES = [submit_unsigned(Message({"type": "Process", "name": name})) for name in "abcde"]
DEFINE_UNTIL_MS = START_MS + 10 * DAY_MS
DEFINED_AT_ONCE = 0.2
HANGING_MAX = 20
SUBMITTED_SLOWLY = 0.3
SUBMISSION_MS = 3_000
FATES = {Fate.WRITTEN: 240, Fate.DOUBTFUL: 3, Fate.FAILED: 3, Fate.SLOW: 3}
KILLS = {Fate.KILLED: 1, Fate.KILLED_AFTER: 1}


class BrokenMonthError(Exception):
    """The logs, or the rows, do not say what they have to."""


class _Known(NamedTuple):
    """A trigger that is in the log.

    Attributes:
        drawn: as it was drawn.
        times: its nominal times.
        first_ms: what counted as decided when it was defined.
        elapsed_from_ms: from when on elapsed time alone leads to the next one, if ever.
        steps: what has become of them so far, in order.
    """

    drawn: DrawnTrigger
    times: Sequence[int]
    first_ms: int
    elapsed_from_ms: int | None
    steps: list[Step]


class Month:
    """A node's month.

    Attributes:
        lives: how many lives the node has had.
        steps: how many nominal times are decided, by what has become of them.
        ran: how many runs were begun.
    """

    def __init__(self, seed: int, count: int, zones: Sequence[str]) -> None:
        self._random = random = Random(seed)
        self._disk = SimulatedDisk()
        self._replay = TriggerReplay(self._disk.log)
        self._now_ms = START_MS
        actions: list[Mapping[str, Any]] = [
            *({"process": encode_id(each.process)} for each in PROCESSES * 2),
            {"function": "act"},
            {"path": "/~scheduler@1.0/status"},
            {"job": {"queue": "default", "type": "report"}},
        ]
        self._left = [
            draw_trigger(random, number, zones, random.choice(actions)) for number in range(count)
        ]
        self._drawn = {_key(drawn.fields): drawn for drawn in self._left}
        self._batch = max(1, int(count * DEFINED_AT_ONCE))
        self._acknowledged: set[str] = set()
        self._known: dict[str, _Known] = {}
        self._begun: Counter[tuple[str, int]] = Counter()
        self._ended: Counter[tuple[str, int]] = Counter()
        self._acted: set[tuple[str, int]] = set()
        self._places: set[bytes] = set()
        self.lives = 0

    @property
    def steps(self) -> Counter[str]:
        """See the class."""
        return Counter(fate for known in self._known.values() for _, fate in known.steps)

    @property
    def ran(self) -> int:
        """See the class."""
        return len(self._begun)

    def run(self) -> None:
        """Let the month pass.

        Raises:
            BrokenMonthError: something is not as it has to be.
        """
        asyncio.run(self._spawn())
        while self._now_ms < END_MS:
            asyncio.run(self._live(is_last=False))
        asyncio.run(self._live(is_last=True))
        self._check_end()

    # One life.

    async def _spawn(self) -> None:
        life = TriggerLife(self._disk, self._now_ms, _written)
        for spawn in PROCESSES:
            await life.place(spawn)

    async def _live(self, *, is_last: bool) -> None:
        self.lives += 1
        life = TriggerLife(self._disk, self._now_ms, self._draw_fate if not is_last else _written)
        start = life.clock.look()
        self._hanging = HANGING_MAX if is_last else 0
        before = {trigger: len(known.steps) for trigger, known in self._known.items()}

        async def submit(run: Run) -> None:
            if not is_last and self._random.random() < SUBMITTED_SLOWLY:
                await pause(life.clock, SUBMISSION_MS)
            await self._act(run)

        await life.start({PATHS: self._act, "act": self._act, JOBS: submit})
        is_whole = is_last
        while not life.writer.is_killed:
            if self._left and (self._now_ms > DEFINE_UNTIL_MS or self._random.random() < 0.3):
                await self._define(life)
            elif is_last or self._now_ms >= END_MS:
                await life.pass_time(max(END_MS - life.clock.now_ms(), 0))
                await life.settle()
                is_whole = is_last
                break
            elif self._random.random() < 0.05:
                is_whole = await self._end(life)
                break
            else:
                await self._step(life)
            self._now_ms = life.clock.now_ms()
        is_whole = is_whole and not life.writer.is_killed
        life.writer.kill()
        self._now_ms = life.clock.now_ms()
        for said in self._replay.go_on():
            self._take(said)
        self._check_life(before, life, start, is_whole=is_whole)
        if not is_last:
            self._down()

    async def _define(self, life: TriggerLife) -> None:
        """Define some that are left; what was not acknowledged is defined again, some time."""
        batch = self._left[-self._batch :]
        tasks = [asyncio.ensure_future(life.table.define(drawn.fields)) for drawn in batch]
        await until_idle()
        for drawn, task in zip(batch, tasks, strict=True):
            if not task.done():
                task.cancel()  # whoever has asked goes away
            elif task.exception() is None:
                self._acknowledged.add(encode_id(task.result().id))
                self._left.remove(drawn)
            elif not isinstance(task.exception(), UnavailableError):
                raise BrokenMonthError(f"{drawn.fields} is refused") from task.exception()

    async def _step(self, life: TriggerLife) -> None:
        """Let some time pass, or have somebody set the clock."""
        random, now_ms = self._random, life.clock.now_ms()
        kind = random.random()
        if kind < 0.1:
            # Set forward; or the machine was asleep, which timers do not notice.
            life.clock.set(min(now_ms + _some_ms(random, 20 * HOUR_MS), END_MS))
            await life.pass_time(CLOCK_CHECK_MS)
        elif kind < 0.2:
            life.clock.set(max(now_ms - _some_ms(random, 5 * HOUR_MS), START_MS))
        else:
            await life.pass_time(min(_some_ms(random, 12 * HOUR_MS), max(END_MS - now_ms, 0)))

    async def _end(self, life: TriggerLife) -> bool:
        """Close the node, drop it, or let everything come to disk first; return whether it has."""
        kind = self._random.random()
        if kind < 0.3:
            await life.close()
        elif kind < 0.7:
            await life.settle()
            return True
        return False

    def _down(self) -> None:
        """Be away for a while, mostly a short one."""
        away_ms = _some_ms(self._random, self._random.choice([60_000, HOUR_MS, 3 * DAY_MS]))
        self._now_ms = min(self._now_ms + away_ms, END_MS)

    async def _act(self, run: Run) -> None:
        trigger, nominal_ms = encode_id(run.trigger), run.begun.nominal_ms
        self._acted.add((trigger, nominal_ms))
        kind = self._random.random()
        if kind < 0.05 and self._hanging < HANGING_MAX and run.definition.overlap == "allow":
            self._hanging += 1
            await asyncio.Event().wait()  # until the node is killed
        if kind > 0.9:
            raise ValueError("as told")

    def _draw_fate(self) -> Fate:
        fates = FATES if self._left and self.lives < 2 else {**FATES, **KILLS}
        return self._random.choices([*fates], [*fates.values()])[0]

    # What has become of it.

    def _take(self, said: Said) -> None:
        fields = said.fields
        if said.action == "define":
            self._take_definition(said)
            return
        known = self._known[said.trigger]
        if said.action == "end":
            self._ended[said.trigger, fields["nominal-time"]] += 1
        elif said.action == "miss":
            first, last = bisect_left(known.times, fields["first"]), fields["last"]
            missed = known.times[first : bisect_left(known.times, last) + 1]
            if not missed or (missed[0], missed[-1]) != (fields["first"], last):
                raise BrokenMonthError(f"{said} ends or begins with no nominal time")
            known.steps.extend((each, str(fields["reason"])) for each in missed)
        else:
            if said.action == "run":
                self._begun[said.trigger, fields["nominal-time"]] += 1
            known.steps.append((fields["nominal-time"], FIRE))

    def _take_definition(self, said: Said) -> None:
        if said.trigger in self._known:
            raise BrokenMonthError(f"{said.trigger} was defined before, as it is")
        drawn = self._drawn[_key(said.fields["definition"])]
        at_ms = said.fields["defined"]
        first_ms = at_ms - (drawn.fields.get("start") == "now")
        times, from_ms = drawn.times(at_ms), drawn.elapsed_from(at_ms)
        self._known[said.trigger] = _Known(drawn, times, first_ms, from_ms, [])

    def _check_life(
        self, before: dict[str, int], life: TriggerLife, start: Look, *, is_whole: bool
    ) -> None:
        lost = self._acknowledged - self._known.keys()
        if lost:
            raise BrokenMonthError(f"acknowledged, and lost: {lost}")
        looks = Looks(life.clock.looks)
        for trigger, known in self._known.items():
            done = before.get(trigger)
            found = known.steps[done or 0 :]
            cursor_ms = known.steps[done - 1][0] if done else known.first_ms
            # What was there before is looked at from the start on.
            armed = life.armed.get(decode_id(trigger)) if done is None else (0, start)
            if armed is None and is_whole:
                raise BrokenMonthError(f"{known.drawn.fields} is on disk, and nobody looks at it")
            if not known.drawn.is_modelled:
                continue
            begin = Begin(cursor_ms, *(armed or (len(looks), start)), known.elapsed_from_ms)
            foreseen = list(foresee(known.drawn.policy, trigger, known.times, begin, looks))
            # A node that was killed may have had more to do.
            if found != (foreseen if is_whole else foreseen[: len(found)]):
                raise BrokenMonthError(
                    f"life {self.lives}, {known.drawn.fields} from {cursor_ms}: {found}, "
                    f"not {foreseen}"
                )
        self._check_rows()

    def _check_rows(self) -> None:
        found, expected = written_rows(self._disk.tree), self._replay.rows
        if found != expected:
            odd = sorted(set(found.items()) ^ set(expected.items()))[:6]
            raise BrokenMonthError(f"rows and logs differ in {odd}")
        places = {content for path, content in found.items() if path[1] == "history"}
        for place in places - self._places:
            if self._disk.log.find_in(place[:32], place[32:]) is None:
                raise BrokenMonthError("an entry of a history leads nowhere")
        self._places = places

    def _check_end(self) -> None:
        """Check that each nominal time of the month is decided, once; and each run has ended."""
        for trigger, known in self._known.items():
            decided = [nominal_ms for nominal_ms, _ in known.steps]
            due = bisect_left(known.times, END_MS - known.drawn.policy.jitter_ms)
            if decided != list(known.times[: len(decided)]) or len(decided) < due:
                raise BrokenMonthError(f"{trigger} {known.drawn.fields}: {known.steps}")
        if self._begun != self._ended or any(each != 1 for each in self._begun.values()):
            raise BrokenMonthError("a run has not ended, or twice")
        if self._begun.keys() - self._acted:
            raise BrokenMonthError("a run has ended, and nobody has acted")


def _key(fields: Mapping[str, Any]) -> str:
    """Return what tells a definition from the others."""
    return str(fields.get("name") or fields["message"]["number"])


def _written() -> Fate:
    return Fate.WRITTEN


def _some_ms(random: Random, most_ms: int) -> int:
    """Return some time, a short one as often as a long one."""
    return int(1_000 * (most_ms / 1_000) ** random.random())
