"""The HTTP face of a node, what it asks of others while it answers, and who may do what."""

from __future__ import annotations

from typing import Final

# What comes in over HTTP.
BODY_MAX_BYTES: Final = 10 * 1024 * 1024
JSON_DEPTH_MAX: Final = 32
PAGE_DEPTH_MAX: Final = 36
JSON_INTEGER_MAX: Final = 2**63 - 1
BODY_READ_MIN_BYTES_PER_S: Final = 64 * 1024
BODY_READ_GRACE_MS: Final = 10_000
CONNECTIONS_MAX: Final = 1_024
HTTP_LINE_MAX_BYTES: Final = 8_190
HTTP_HEADERS_MAX: Final = 64
HTTP_SEGMENT_MAX_BYTES: Final = 512
HTTP_SEGMENTS_MAX: Final = 16
HTTP_KEYS_MAX: Final = 64
OFF_LOOP_MIN_BYTES: Final = 16 * 1024
LOCATIONS_MAX: Final = 5_000
LOCATION_TTL_DEFAULT_MS: Final = 7 * 24 * 3_600_000
LOCATION_TTL_MAX_MS: Final = 365 * 24 * 3_600_000
HTTP_PATHS_CACHED_MAX: Final = 1_024
STATUS_PROCESSES_MAX: Final = 1_000
KEEPALIVE_MS: Final = 15_000
HTTP_LINGER_MS: Final = 5_000
LONG_POLL_MAX_MS: Final = 30_000
LONG_POLLS_MAX: Final = 512
REPLY_SEND_MIN_BYTES_PER_S: Final = 64 * 1024
REPLY_SEND_GRACE_MS: Final = 10_000

# The operator's Arweave gateway. A block holds up to 1,000 ids and two proofs of 256 KiB.
GATEWAY_DEADLINE_MS: Final = 10_000
GATEWAY_REPLY_MAX_BYTES: Final = 2 * 1024 * 1024
BLOCK_REFRESH_MS: Final = 15_000

# Pages.
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 5_000
API_PAGE_MAX: Final = 500
# A client waits so long: many fires are placed one after the other.
API_DEADLINE_MS: Final = 120_000
SCHEDULE_PAGE_MAX: Final = 1_001
PAGE_CHUNK_BYTES: Final = 256 * 1024
PAGE_BLOCK_SLOTS: Final = 64
PAGE_BLOCK_BYTES: Final = 2 * 1024 * 1024
REPLY_PIECE_BYTES: Final = 4 * 1024 * 1024
HTTP_PAGE_MAX_BYTES: Final = 16 * 1024 * 1024
RENDITIONS_BATCH: Final = 64
PROCESSES_PAGE: Final = 256
CLIENT_PAGE_SLOTS: Final = 500
CLIENT_REPLY_MAX_BYTES: Final = 64 * 1024 * 1024

# Requests to where somebody else says.
OUTBOUND_DEADLINE_MS: Final = 35_000
OUTBOUND_REDIRECTS_MAX: Final = 5
OUTBOUND_URL_MAX_BYTES: Final = 2_048

# Of what another node, or somebody's code, says about a failure.
REASON_MAX_CHARS: Final = 1_000

# Requests that are sent on to another node, and how many nodes one may have come through.
FORWARDS_MAX: Final = 32
# To nodes that the operator has not named.
FORWARDS_STRANGE_MAX: Final = 24
FORWARDS_PER_ORIGIN_MAX: Final = 8
FORWARD_HOPS_MAX: Final = 4
FORWARD_REPLY_MAX_BYTES: Final = 20 * 1024 * 1024

# Who may do what only the operator may: the token's random bytes.
OPERATOR_TOKEN_BYTES: Final = 32
