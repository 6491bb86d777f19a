"""Triggers: when they are due, what they may say, and what they watch."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

# When a trigger is due. Nominal times end with the year 9899: what is searched for within 50 years
# of one is a date that Python has. So many characters are 60 items in a field, at most.
RECURRENCE_MAX_CHARS: Final = 128
CRON_NEXT_DEFAULT: Final = 5
CRON_NEXT_MAX: Final = 1_000
INTERVAL_MAX_MS: Final = 3_650 * 24 * 3_600_000
INSTANT_MAX_MS: Final = 250_246_627_199_999
ZONE_NAME_SHOWN_CHARS: Final = 64
EXPRESSIONS_CACHED_MAX: Final = 1_024
ZONE_YEARS_CACHED_MAX: Final = 4_096

# Triggers. A nominal time that is over by more than FIRE_LATE_MS is a misfire; by default, windows
# for misfires are so long.
TRIGGERS_MAX: Final = 1_000_000
TRIGGER_MAX_BYTES: Final = 256 * 1024
TRIGGER_NAME_MAX_CHARS: Final = 512
TRIGGER_PATH_MAX_CHARS: Final = 2_048
TRIGGER_WINDOWS_MS: Final = MappingProxyType(
    {"once": 7 * 24 * 3_600_000, "all": 24 * 3_600_000, "skip": 0}
)
FIRE_LATE_MS: Final = 60_000
# So often the wall clock is looked at: it may have been set forward.
CLOCK_CHECK_MS: Final = 10_000
FIRES_WAITING_MAX: Final = 100_000
FIRES_OF_TRIGGER_MAX: Final = 100
FIRES_AT_ONCE_MAX: Final = 1_024
FIRES_DECIDED_AT_ONCE_MAX: Final = 256
FIRE_PAUSE_MIN_MS: Final = 250
FIRE_PAUSE_MAX_MS: Final = 60_000
BACKFILL_MAX: Final = 10_000
RUNS_AT_ONCE_MAX: Final = 64
RUNS_OF_TRIGGER_MAX: Final = 32
RUN_REASON_MAX_CHARS: Final = 512
# A path that is asked: so long it may take, and so much of its reply is read.
RUN_DEADLINE_MS: Final = 60_000
RUN_REPLY_MAX_BYTES: Final = 64 * 1024
RUNS_STOP_MS: Final = 1_000
# What strangers may define, where the operator lets them.
PUBLIC_TRIGGERS_MAX: Final = 100
PUBLIC_INTERVAL_MIN_MS: Final = 100

# Watches: what a spec may say, what an event may be, and how often is looked.
WATCH_TEXT_MAX_CHARS: Final = 4_096
WATCH_LIST_MAX: Final = 64
WATCH_SPAN_MAX_MS: Final = 24 * 3_600_000
EVENT_KEY_MAX_CHARS: Final = 128
WATCH_MARK_MAX_BYTES: Final = 4 * 1024 * 1024
FILES_WATCHED_MAX: Final = 10_000
# What a watch mark says of them all; and after how many changes one says that anew, and not how it
# was and what has changed since.
FILES_SNAPSHOT_MAX_BYTES: Final = 3 * 1024 * 1024
FILES_TURN: Final = 64
# Of any name, folders too, in looking for those that are watched.
FILES_SEEN_MAX: Final = 100_000
FILES_DEBOUNCE_DEFAULT_MS: Final = 500
# With a listener, in case that it has missed something; and without one.
FILES_LOOK_MS: Final = 60_000
FILES_POLL_MS: Final = 1_000
# For how many times as long as a look has taken there is none.
FILES_REST_FACTOR: Final = 9
# Threads of one node that listen, each to a folder (beyond, they are polled), and those that
# look at the same time.
FILES_LISTENERS_MAX: Final = 64
FILES_LOOKERS_MAX: Final = 8
# How long a listener gathers changes; a thread of it wakes up so often.
FILES_LISTEN_MS: Final = 100
THRESHOLD_EVERY_MIN_MS: Final = 100
THRESHOLD_EVERY_DEFAULT_MS: Final = 1_000
# A watch of slots that reads what it has missed gives everybody else a turn after so many.
SLOTS_TURN: Final = 64
SLOTS_UNMARKED_MAX: Final = 1_024

# Webhooks.
HOOK_BODY_MAX_BYTES: Final = 256 * 1024
EVENT_KEY_BYTES: Final = 16
