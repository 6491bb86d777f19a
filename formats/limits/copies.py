"""What a node says to others and copies from them: following, uploads, copies, conformance."""

from __future__ import annotations

from typing import Final

# Following another node.
FOLLOW_PAUSE_MIN_MS: Final = 250
FOLLOW_PAUSE_MAX_MS: Final = 5_000
FOLLOW_WAIT_MS: Final = 25_000
FOLLOW_COMPARE_REQUESTS: Final = 8
FOLLOW_BUNDLE_SLOTS: Final = 128

# Uploads. A bundler that is away is tried again after the pauses; an item that it does not take in
# so many tries makes room for others, and one that it refuses is set aside for longest; no more
# items at all are taken while so many are.
UPLOADS_MAX: Final = 8
UPLOAD_TRIES_MAX: Final = 5
UPLOAD_DEADLINE_MS: Final = 60_000
UPLOAD_REPLY_MAX_BYTES: Final = 256
UPLOAD_PAUSE_MIN_MS: Final = 1_000
UPLOAD_PAUSE_MAX_MS: Final = 300_000
UPLOAD_REFUSED_PAUSE_MS: Final = 3_600_000
UPLOADS_ASIDE_MAX: Final = 1_000
UPLOAD_CONFIRM_DEADLINE_MS: Final = 30_000
UPLOADS_STOP_MS: Final = 5_000

# Copies that a node brings up to their sources for whoever reads them.
CATCH_UP_SLOTS_MAX: Final = 2_000
CATCH_UP_REPLY_MAX_BYTES: Final = 24 * 1024 * 1024
CATCH_UP_DEADLINE_MS: Final = 10_000
CATCH_UP_FETCH_DEADLINE_MS: Final = 60_000
CATCH_UP_PAUSE_MS: Final = 5_000
CATCH_UP_FAILURES_MAX: Final = 1_024
CATCH_UPS_MAX: Final = 4
CATCH_UPS_HINTED_MAX: Final = 2
SOURCES_CACHED_MAX: Final = 1_024
HINTED_COPIES_MAX: Final = 1_000
HINTED_COPY_MAX_BYTES: Final = 64 * 1024 * 1024
COPY_JOB_MAX_BYTES: Final = 4 * 1024 * 1024
COPY_RECORD_MAX_BYTES: Final = 20 * 1024 * 1024

# The conformance kit: how long it waits for a reply, how many plans it tries, and how many more
# to find a shorter failure.
CONFORM_DEADLINE_MS: Final = 15_000
CONFORM_EXAMPLES_DEFAULT: Final = 50
CONFORM_SHRINKS_MAX: Final = 200
