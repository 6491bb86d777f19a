"""Instants as the clocks of a zone show them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def local_time(instant_ms: int, zone: ZoneInfo) -> datetime:
    """Return what clocks in *zone* show at *instant_ms*, with their offset.

    >>> local_time(1_774_602_000_250, ZoneInfo("Europe/Paris")).isoformat()
    '2026-03-27T10:00:00.250000+01:00'
    """
    whole = datetime.fromtimestamp(instant_ms // 1000, zone)
    return whole.replace(microsecond=instant_ms % 1000 * 1000)
