"""For those who test nodes, or programs with a node inside; also the modules of this package."""

from __future__ import annotations

from seriatim.actors.app.inline import InlineJobs
from seriatim.actors.app.inline_app import InlineApp
from seriatim.actors.app.rehearsal import Rehearsal, rehearse
from seriatim.actors.embedding.virtual_time import pass_time
from seriatim.actors.runtime.virtual_clock import VirtualClock

__all__ = ["InlineApp", "InlineJobs", "Rehearsal", "VirtualClock", "pass_time", "rehearse"]
