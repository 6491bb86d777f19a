"""A queue in memory, for jobs that run where they are submitted: a real one's rules, and no time.

What decides is the machine of every queue. Its clocks stand still, and what is to be at a later
time, or with fewer others, is to be at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.queue.commands import Change, Claim, Report, Submit
from seriatim.actors.queue.machine import QueueMachine
from seriatim.actors.queue.queue_time import QueueTime
from seriatim.actors.queue.waiting import Waiter
from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.replay import keep_rows
from seriatim.formats.limits import JOB_TOKENS_MAX

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Command, Ended, Grant, Submitted
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.jobs.rows import Path
    from seriatim.formats.jobs.spec import Asked

_LATER: Final = frozenset({"due_ms", "delay_ms"})


class InlineQueue:
    """One queue; whoever asks it runs its jobs, too."""

    def __init__(self, queue: str) -> None:
        """Begin with nothing."""
        self._rows: dict[Path, bytes] = {}
        self._fold = QueueFold(queue, self._rows.get)
        self._fold.begin(0, 0, 0)
        self._machine = QueueMachine(self._fold, QueueTime(), lambda: 0.5, lambda _: ())
        self._workers = count(1)

    def job(self, job: str) -> Job | None:
        """Return *job*; ``None`` where there is no such job."""
        return self._fold.job(job)

    def submit(self, jobs: Sequence[Asked]) -> list[Submitted]:
        """Submit *jobs*, each of which has an id; errors as of `check_submit`."""
        kinds = {each.type for each in jobs}
        resources = {name for each in jobs for name in each.spec.get("takes", ())}
        # A job may wait within another one, of its own type, too.
        wanted = {"types": kinds, "keys": kinds, "resources": resources}
        self.do(
            Change({key: dict.fromkeys(names, JOB_TOKENS_MAX) for key, names in wanted.items()})
        )
        answers: list[Submitted] = self.do(Submit([_at_once(each) for each in jobs]))
        return answers

    def take(self) -> Grant | None:
        """Return the next job that is to run; ``None`` where none is."""
        while self._fold.telling:  # children of what has ended: more than one slot has room for
            with self._slot():
                pass
        kinds = frozenset(job.type for job in self._fold.live.values())
        waiter = self.do(Claim(f"inline.{next(self._workers)}", kinds, commands=False, room=1))
        assert isinstance(waiter, Waiter), "a claim waits, or is answered"
        if waiter.answer is None:
            self._machine.waiting.withdraw(waiter)
            return None
        self._machine.waiting.take_answered()
        return waiter.answer.grants[0]

    def report(self, ended: Ended) -> None:
        """Note what has become of a job that was taken."""
        self.do(Report(self._fold.live[ended.id].worker, [ended]))

    def do(self, command: Command) -> Any:
        """Do what *command* says, and what follows from it; errors as of `QueueMachine.do`."""
        with self._slot():
            return self._machine.do(command)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Have the block say what is in the next slot; it is written, whatever the block raises."""
        machine = self._machine
        machine.begin(0, 0)
        try:
            yield
        finally:
            machine.finish()
            if machine.events:
                keep_rows(self._rows, self._fold)


def _at_once(asked: Asked) -> Asked:
    """Return *asked* as a job that may begin now, and is tried again at once."""
    spec = {key: value for key, value in asked.spec.items() if key not in _LATER}
    if "retries" in spec:
        spec["backoff"] = {**spec.get("backoff", {}), "base_ms": 0}
    return asked._replace(spec=spec)
