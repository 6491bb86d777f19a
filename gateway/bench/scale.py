"""How much is measured: all of it within minutes, or a look within seconds."""

from __future__ import annotations

from typing import NamedTuple

Plan = tuple[tuple[int, int], ...]
"""Pairs of a number of connections and the number of requests over all of them."""


class Scale(NamedTuple):
    """Counts of one run.

    Attributes:
        rounds: how often each figure is taken.
        appends_one: appends of one caller, per round.
        appends_many: appends of 64 callers, per round.
        posts: posts per kind and round.
        posts_rsa: as above, where each costs a signature of RSA.
        warm_up: posts per kind and round before the clock starts.
        warm_up_rsa: as above, with RSA.
        sign_ms: how long raw RSA signing is measured, per round.
        page_slots: slots of a process that is paged through.
        page_slots_read: slots that are read per round, in pages.
        encode_slots: slots of a page that is encoded in every form.
        compute_slots: slots of a process that is computed.
        live: numbers of live processes.
        idle_processes: numbers of processes that a start finds.
        idle_slots: slots of the one long process that a start finds.
        timers: live timers.
        timers_at_once: how many of them are due in one second.
        timers_idle_s: how long all of them wait.
    """

    rounds: int
    appends_one: int
    appends_many: int
    posts: Plan
    posts_rsa: Plan
    warm_up: int
    warm_up_rsa: int
    sign_ms: int
    page_slots: int
    page_slots_read: int
    encode_slots: int
    compute_slots: int
    live: tuple[int, ...]
    idle_processes: tuple[int, ...]
    idle_slots: int
    timers: int
    timers_at_once: int
    timers_idle_s: float


FULL = Scale(
    rounds=3,
    appends_one=2_000,
    appends_many=16_000,
    posts=((1, 1_500), (64, 9_000), (256, 9_000)),
    posts_rsa=((1, 400), (64, 1_300), (256, 1_300)),
    warm_up=1_000,
    warm_up_rsa=100,
    sign_ms=1_500,
    page_slots=10_000,
    page_slots_read=100_000,
    encode_slots=1_000,
    compute_slots=100_000,
    live=(10_000, 100_000),
    idle_processes=(1_000, 100_000),
    idle_slots=1_000_000,
    timers=100_000,
    timers_at_once=10_000,
    timers_idle_s=10.0,
)
QUICK = Scale(
    rounds=2,
    appends_one=20,
    appends_many=256,
    posts=((1, 16), (64, 128)),
    posts_rsa=((1, 4), (64, 64)),
    warm_up=16,
    warm_up_rsa=8,
    sign_ms=50,
    page_slots=1_000,
    page_slots_read=4_000,
    encode_slots=100,
    compute_slots=2_000,
    live=(2_000, 5_000),
    idle_processes=(10, 1_000),
    idle_slots=10_000,
    timers=1_000,
    timers_at_once=200,
    timers_idle_s=0.2,
)
