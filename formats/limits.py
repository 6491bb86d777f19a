"""Every bound of the product, named once, with the relations between them asserted at import.

Sizes are in bytes (``_bytes``), times in milliseconds (``_ms``); every bound is inclusive.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

# ANS-104 data items (ANS-104 §2 and the maintained arbundles).
TAGS_MAX: Final = 128
TAG_NAME_MAX_BYTES: Final = 1024
TAG_VALUE_MAX_BYTES: Final = 3072
TAG_BLOCK_MAX_BYTES: Final = 4096
RSA_KEY_MIN_BITS: Final = 2048
RSA_KEY_MAX_BITS: Final = 4096
RSA_KEYS_CACHED_MAX: Final = 256
BLOB_LENGTHS_CACHED_MAX: Final = 8_192
BUNDLE_ITEMS_MAX: Final = 10_000
BUNDLE_DEPTH_MAX: Final = 8

# What of a message goes into the tags of its assignment: together they fit into a tag block.
ASSIGNMENT_PATH_MAX_BYTES: Final = 1_024
EXCLUDES_MAX: Final = 64
EXCLUDES_MAX_BYTES: Final = 2_048
ASSIGNMENT_OWN_TAGS_MAX_BYTES: Final = 900

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

# Structured fields (RFC 8941).
SF_INTEGER_MAX: Final = 999_999_999_999_999
SF_MEMBERS_MAX: Final = 8_192

# Messages as data items, as HyperBEAM of May 2025 writes them: a longer value is an item inside.
TABM_TAG_VALUE_MAX_BYTES: Final = 128

# HTTP messages as HyperBEAM signs them: a longer value is a part of the body.
HTTPSIG_HEADER_MAX_BYTES: Final = 4_096
MULTIPART_PARTS_MAX: Final = 2_048
MULTIPART_LINES_MAX: Final = 8_192

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
NODE_LATE_MS: Final = 250
FIRES_WAITING_MAX: Final = 100_000
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

# Who may do what only the operator may: the token's random bytes.
OPERATOR_TOKEN_BYTES: Final = 32

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

# Queues: what is waiting, and for how long.
MAILBOX_MAX: Final = 4_096
MAIL_BATCH_MAX: Final = 64
DISPATCH_TURN_MAX: Final = 1_024
COMMIT_QUEUE_MAX: Final = 16_384
COMMIT_QUEUE_MAX_BYTES: Final = 256 * 1024 * 1024
COMMIT_BATCH_MAX: Final = 1_024
COMMIT_BATCH_MAX_BYTES: Final = 32 * 1024 * 1024
COMMIT_BATCHES_MAX: Final = 2
PROMISES_MAX: Final = 256
CHAINS_CACHED_MAX: Final = 65_536
VERIFY_QUEUE_MAX: Final = 16_384
VERIFY_QUEUE_MAX_BYTES: Final = 256 * 1024 * 1024
VERIFY_BATCH_MAX: Final = 16
VERIFY_BATCH_MAX_BYTES: Final = 32 * 1024 * 1024
VERIFY_BATCHES_MAX: Final = 4
FRAME_MAX_BYTES: Final = 64 * 1024 * 1024
ASK_DEADLINE_MS: Final = 30_000
DEADLINE_GRAIN_MS: Final = 100
RETRY_AFTER_MS: Final = 1_000
IDLE_PASSIVATE_MS: Final = 600_000
PASSIVATE_BATCH_MAX: Final = 1_024
PASSIVATE_PAUSE_MS: Final = 100
STOP_DEADLINE_MS: Final = 10_000
CHILD_START_DEADLINE_MS: Final = 30_000
CHILD_EXIT_GRACE_MS: Final = 1_000
ORPHAN_LOCK_WAIT_MS: Final = 5_000

# What processes compute: states and results, stacks of folds, and how many slots are run and
# written at once.
STATE_MAX_BYTES: Final = 8 * 1024 * 1024
STATE_DEPTH_MAX: Final = 64
OUTPUT_MAX_BYTES: Final = 1024 * 1024
STACK_FOLDS_MAX: Final = 16
PASSES_MAX: Final = 1_000
FOLD_STEPS_MAX: Final = 1_024
FOLD_OUTPUTS_MAX_BYTES: Final = 4 * 1024 * 1024
# After so long, a job ends with the slot that it is at: one that does not end is told by that.
FOLD_JOB_MS: Final = 500
FOLD_MEMORY_MAX_BYTES: Final = 2 * 1024 * 1024 * 1024
FOLD_STEPS_MAX_BYTES: Final = 4 * 1024 * 1024
FOLD_DEADLINE_MS: Final = 5_000
FOLD_WORKERS_MAX: Final = 2
SNAPSHOT_SLOTS: Final = 1_024
# Older states of one process that somebody has asked for.
STATES_KEPT_MAX: Final = 4
STATE_KEPT_MAX_BYTES: Final = 64 * 1024
STATES_CACHED_MAX: Final = 1_000
STATES_CACHED_MAX_BYTES: Final = 64 * 1024 * 1024

# Jobs: what one may say and have.
JOB_NAME_MAX_CHARS: Final = 64
JOB_KEY_MAX_CHARS: Final = 256
JOB_TRACE_MAX_CHARS: Final = 256
JOB_ARGS_MAX_BYTES: Final = 256 * 1024
MAPPED_PATH_MAX_CHARS: Final = 4_096
JOB_VALUE_DEPTH_MAX: Final = 24
JOB_PRIORITY_MAX: Final = 1_000
JOB_PARENTS_MAX: Final = 1_000
JOB_TAKES_MAX: Final = 16
JOB_TOKENS_MAX: Final = 1_000_000
JOB_RETRIES_MAX: Final = 1_000_000
JOB_CRASHES_DEFAULT: Final = 3
JOB_CRASHES_MAX: Final = 1_000
JOB_FAILURES_KEPT_MAX: Final = 10
JOB_REASON_MAX_CHARS: Final = 1_000
JOB_NOTE_MAX_CHARS: Final = 200
JOB_LEASE_DEFAULT_MS: Final = 30_000
JOB_LEASE_MIN_MS: Final = 100
JOB_LEASE_MAX_MS: Final = 24 * 3_600_000
BACKOFF_BASE_DEFAULT_MS: Final = 1_000
BACKOFF_FACTOR_DEFAULT: Final = 2.0
BACKOFF_FACTOR_MAX: Final = 100.0
BACKOFF_MAX_DEFAULT_MS: Final = 3_600_000
BACKOFF_JITTER_DEFAULT: Final = 0.2

# Queues: how many jobs wait, how much of what at once, and what one slot says.
JOBS_AT_ONCE_DEFAULT: Final = 1
QUEUE_JOBS_DEFAULT: Final = 1_000_000
QUEUE_JOBS_MAX: Final = 10_000_000
QUEUE_KEPT_DEFAULT_MS: Final = 7 * 24 * 3_600_000
QUEUE_TYPES_SET_MAX: Final = 1_000
QUEUE_DEFAULTS_MAX_BYTES: Final = 256 * 1024
QUEUE_SUBMIT_MAX: Final = 1_000
QUEUE_SUBMIT_MAX_BYTES: Final = 6 * 1024 * 1024
# Of one client to another node's queue: requests at once, and what one of them says of several.
SUBMISSION_REQUESTS_MAX: Final = 2
SUBMISSIONS_MAX_BYTES: Final = 1024 * 1024
# In an error: of a circle of jobs, which may have as many as a queue.
JOBS_NAMED_MAX: Final = 16
QUEUE_EVENTS_MAX: Final = 1_024
QUEUE_EVENTS_MAX_BYTES: Final = 2 * 1024 * 1024
# What a slot rewrites of jobs that were there: by commands, of children whose parents have ended,
# by the time, and by grants; each of them as much. All of it is one transaction.
QUEUE_CHANGED_MAX_BYTES: Final = 2 * 1024 * 1024
QUEUE_TOLD_MAX: Final = 4_096
QUEUE_TOLD_MAX_BYTES: Final = 2 * 1024 * 1024
QUEUE_COMMANDS_MAX: Final = 16_384
QUEUE_WANTED_PAUSE_MS: Final = 60_000
QUEUE_LOOKED_AT_MAX: Final = 10_000
QUEUES_MAX: Final = 1_000
# A row says which jobs are leased: as many slots are read, at most, to know it at any other.
QUEUE_OPEN_EVERY_SLOTS: Final = 64
TIMELINE_DEFAULT_MS: Final = 10 * 60_000
TIMELINE_SHOWN_MAX: Final = 10_000
CLAIM_JOBS_MAX: Final = 256
# What a job has of the results of others; one that wants more fails.
JOB_INPUTS_MAX_BYTES: Final = 16 * 1024 * 1024
# What a claim is answered, and what a worker says at once: the job that reaches it is the last.
CLAIM_MAX_BYTES: Final = 4 * 1024 * 1024
REPORT_MAX_BYTES: Final = 4 * 1024 * 1024
# Of that, what one slot hears of: each end rewrites the row of its job, arguments and all.
REPORT_PART_ENDS_MAX: Final = 64
REPORT_PART_MAX_BYTES: Final = 2 * 1024 * 1024
RATE_PER_MAX_MS: Final = 365 * 24 * 3_600_000
JOB_WAIT_MS: Final = 20_000
ENDINGS_JOBS_MAX: Final = 256

# Workers: how much they run, how long they wait for jobs, and how soon they ask again. What one has
# is what runs, and what has ended and was not said yet: as much again, and then it claims no more.
WORKER_ROOM_MAX: Final = 1_000
HELD_MAX: Final = 2 * WORKER_ROOM_MAX
REPORT_ENDED_MAX: Final = 1_000
REPORT_PRINTED_MAX: Final = 1_000
# Threads that go on after their job was stopped: with more of them, a worker takes fewer jobs.
THREADS_ABANDONED_MAX: Final = 64
CLAIM_WAIT_MS: Final = 20_000
CLAIM_FULL_AFTER_MS: Final = 100
WORKER_PAUSE_MIN_MS: Final = 50
WORKER_PAUSE_MAX_MS: Final = 5_000
HEARTBEATS_PER_LEASE: Final = 3
WORKER_BEAT_MS: Final = 1_000
# For what a worker runs when whoever has started it is gone; then that is stopped, and given back.
WORKER_DRAIN_MS: Final = 4_000
DRAIN_LOOK_MS: Final = 500
REHEARSAL_MAX_MS: Final = 30 * 24 * 3_600_000

# Running jobs: what somebody may ask for, and what a job may say. The system takes no single
# argument of 128 KiB.
COMMAND_MAX_BYTES: Final = 256 * 1024
COMMAND_PART_MAX_BYTES: Final = 128 * 1024 - 1
JOB_MEMORY_MAX_BYTES: Final = 1 << 50
JOB_OUTPUT_DEFAULT_BYTES: Final = 1024 * 1024
JOB_OUTPUT_MAX_BYTES: Final = 16 * 1024 * 1024
JOB_OUTPUT_PIECE_BYTES: Final = 64 * 1024
JOB_PROCESSES_DEFAULT: Final = 1_000
JOB_PROCESSES_MAX: Final = 1_000_000
# Below, an interpreter does not start.
JOB_FILES_MIN: Final = 16
JOB_FILES_MAX: Final = 1_000_000
JOB_RESULT_MAX_BYTES: Final = 1024 * 1024
JOB_TRACEBACK_MAX_CHARS: Final = 16 * 1024
JOB_SAID_MAX_BYTES: Final = 64 * 1024
# How much a child asks its worker at once, and how long an answer may wait for another job.
CHILD_ASKS_MAX: Final = 32
CHILD_WAIT_MS: Final = 1_000
# From the order to end to the end by force; and how long a killed job may take to be gone.
JOB_STOP_GRACE_MS: Final = 5_000
JOB_KILL_DEADLINE_MS: Final = 10_000
# How often a job is counted that has a limit of processes.
JOB_COUNT_MS: Final = 100
OUTPUT_READ_MAX_BYTES: Final = 64 * 1024
# After so many jobs a child makes room for a new one: what leaks does not leak for ever.
JOB_CHILD_JOBS_MAX: Final = 1_000

# What workers say of themselves, as it is kept: how many, how much, how long, and how often it is
# written.
WORKERS_MAX: Final = 1_000
WORKER_NAME_MAX_BYTES: Final = 256
BEAT_MAX_BYTES: Final = 256 * 1024
BEATS_KEPT_MS: Final = 3_600_000
BEATS_WRITE_MS: Final = 200
BEATS_MAP_BYTES: Final = 1 << 31

# The monitor: how often it looks, how much it looks at, and from when a worker is silent for too
# long.
MONITOR_PERIOD_MS: Final = 1_000
MONITOR_PERIOD_MIN_MS: Final = 10
MONITOR_PERIOD_MAX_MS: Final = 60_000
MONITOR_TYPES_MAX: Final = 1_000
MONITOR_TRIGGERS_MAX: Final = 1_000
MONITOR_STREAMS_MAX: Final = 32
METRICS_TYPES_MAX: Final = 100
DISK_FREE_MIN_BYTES: Final = 64 * 1024 * 1024
STREAM_COMMENT_MS: Final = 15_000
WORKER_SLOW_MS: Final = 10_000
WORKER_STALE_MS: Final = 30_000

# The conformance kit: how long it waits for a reply, how many plans it tries, and how many more
# to find a shorter failure.
CONFORM_DEADLINE_MS: Final = 15_000
CONFORM_EXAMPLES_DEFAULT: Final = 50
CONFORM_SHRINKS_MAX: Final = 200

# Store.
LMDB_KEY_MAX_BYTES: Final = 511
MAP_BYTES: Final = 1 << 40
READERS_MAX: Final = 1_024
MEMORY_CACHE_BYTES: Final = 64 * 1024 * 1024
LINK_DEPTH_MAX: Final = 16
PATH_SEGMENT_MAX_BYTES: Final = 128
PATH_MAX_BYTES: Final = 480

assert TAG_NAME_MAX_BYTES < TAG_BLOCK_MAX_BYTES
assert TABM_TAG_VALUE_MAX_BYTES <= TAG_VALUE_MAX_BYTES < TAG_BLOCK_MAX_BYTES
assert ASSIGNMENT_OWN_TAGS_MAX_BYTES + ASSIGNMENT_PATH_MAX_BYTES <= TAG_BLOCK_MAX_BYTES
assert (
    ASSIGNMENT_OWN_TAGS_MAX_BYTES + EXCLUDES_MAX_BYTES + EXCLUDES_MAX * 12 <= TAG_BLOCK_MAX_BYTES
), "each Exclude tag costs its name and three length bytes"
assert JOB_VALUE_DEPTH_MAX + 6 <= JSON_DEPTH_MAX, "a job stands in pages, grants and specs"
assert JSON_DEPTH_MAX + 3 <= PAGE_DEPTH_MAX, "a message stands in page, assignments, assignment"
assert PROMISES_MAX <= COMMIT_BATCH_MAX <= COMMIT_QUEUE_MAX
assert BODY_MAX_BYTES < COMMIT_BATCH_MAX_BYTES <= COMMIT_QUEUE_MAX_BYTES
assert COPY_JOB_MAX_BYTES <= COPY_RECORD_MAX_BYTES < COMMIT_BATCH_MAX_BYTES
assert COPY_RECORD_MAX_BYTES < CATCH_UP_REPLY_MAX_BYTES < CLIENT_REPLY_MAX_BYTES
assert BODY_MAX_BYTES < COPY_RECORD_MAX_BYTES < HINTED_COPY_MAX_BYTES, "and its assignment"
assert BODY_MAX_BYTES < VERIFY_BATCH_MAX_BYTES <= VERIFY_QUEUE_MAX_BYTES
assert max(COMMIT_BATCH_MAX_BYTES, VERIFY_BATCH_MAX_BYTES) < FRAME_MAX_BYTES, "a frame has a head"
assert FILES_WATCHED_MAX <= FILES_SEEN_MAX
assert (
    FILES_SNAPSHOT_MAX_BYTES + 2 * FILES_TURN * (WATCH_TEXT_MAX_CHARS + 1_024)
    < WATCH_MARK_MAX_BYTES
), "a path has 4 KiB at most, and the name at its end 255 bytes"
assert FILES_LISTEN_MS < FILES_POLL_MS <= FILES_LOOK_MS
assert THRESHOLD_EVERY_MIN_MS <= THRESHOLD_EVERY_DEFAULT_MS <= WATCH_SPAN_MAX_MS
assert WATCH_MARK_MAX_BYTES + BODY_MAX_BYTES < COMMIT_BATCH_MAX_BYTES, "a fire has its watch mark"
assert MAIL_BATCH_MAX <= DISPATCH_TURN_MAX, "one batch fits in a turn of the dispatcher"
assert DEADLINE_GRAIN_MS < ASK_DEADLINE_MS
assert GATEWAY_DEADLINE_MS < ASK_DEADLINE_MS, "an assign asks the gateway first"
assert CLAIM_JOBS_MAX <= WORKER_ROOM_MAX <= REPORT_ENDED_MAX <= HELD_MAX
assert WORKER_DRAIN_MS + JOB_STOP_GRACE_MS < STOP_DEADLINE_MS, "jobs end before it is made to"
assert JOB_OUTPUT_DEFAULT_BYTES <= JOB_OUTPUT_MAX_BYTES
assert 2 * SUBMISSIONS_MAX_BYTES < BODY_MAX_BYTES, "each has brackets of its own"
assert 2 * (REPORT_MAX_BYTES + JOB_RESULT_MAX_BYTES) <= BODY_MAX_BYTES, "base64, or JSON's escapes"
assert JOB_RESULT_MAX_BYTES <= JOB_INPUTS_MAX_BYTES
assert (
    CLAIM_MAX_BYTES + JOB_INPUTS_MAX_BYTES + COMMAND_MAX_BYTES + JOB_ARGS_MAX_BYTES
    < CLIENT_REPLY_MAX_BYTES
), "a worker elsewhere reads what it is granted"
assert JOB_INPUTS_MAX_BYTES + JOB_ARGS_MAX_BYTES < FRAME_MAX_BYTES, "and a child what it is to run"
assert COMMAND_MAX_BYTES + JOB_ARGS_MAX_BYTES < QUEUE_SUBMIT_MAX_BYTES
assert max(QUEUE_SUBMIT_MAX_BYTES, REPORT_MAX_BYTES) + 2 * QUEUE_EVENTS_MAX_BYTES <= (
    BODY_MAX_BYTES
), "a slot that is not full takes one command more, and what the time has brought"
assert COMMAND_PART_MAX_BYTES < COMMAND_MAX_BYTES
assert 2 * HTTP_PAGE_MAX_BYTES + JOB_SAID_MAX_BYTES < FRAME_MAX_BYTES, "of children, and to them"
assert CHILD_WAIT_MS < JOB_STOP_GRACE_MS, "a job that waits for another one is not killed for it"
assert PASSIVATE_BATCH_MAX * 2 <= MAILBOX_MAX, "two sweeps' answers leave room for messages"
assert PAGE_CHUNK_BYTES <= PAGE_BLOCK_BYTES <= REPLY_PIECE_BYTES
assert BODY_MAX_BYTES < HTTP_PAGE_MAX_BYTES < FORWARD_REPLY_MAX_BYTES, "pages are handed on"
assert 3 * STATE_MAX_BYTES + FOLD_OUTPUTS_MAX_BYTES + OUTPUT_MAX_BYTES < COMMIT_BATCH_MAX_BYTES, (
    "results, a snapshot, and the progress within a slot are written together"
)
assert FOLD_STEPS_MAX_BYTES + BODY_MAX_BYTES + STATE_MAX_BYTES < FRAME_MAX_BYTES, "a job is a frame"
assert 2 * FOLD_JOB_MS < FOLD_DEADLINE_MS
assert FORWARDS_STRANGE_MAX <= FORWARDS_MAX - FORWARDS_PER_ORIGIN_MAX, "one named node has room"
assert max(LOCATIONS_MAX, HINTED_COPIES_MAX) <= PAGE_MAX
assert MULTIPART_PARTS_MAX <= SF_MEMBERS_MAX, "body-keys names every part"
assert PAGE_DEFAULT <= API_PAGE_MAX < SCHEDULE_PAGE_MAX <= PAGE_MAX
assert LONG_POLLS_MAX < CONNECTIONS_MAX, "readers that wait leave connections to others"
assert FOLLOW_PAUSE_MIN_MS <= FOLLOW_PAUSE_MAX_MS
assert UPLOAD_PAUSE_MIN_MS <= UPLOAD_PAUSE_MAX_MS <= UPLOAD_REFUSED_PAUSE_MS
assert max(UPLOADS_STOP_MS, RUNS_STOP_MS) < STOP_DEADLINE_MS
assert FOLLOW_BUNDLE_SLOTS <= MULTIPART_PARTS_MAX // 8, "a slot takes six parts, or some more"
assert LONG_POLL_MAX_MS < RUN_DEADLINE_MS, "a path may wait for a slot"
assert FOLLOW_WAIT_MS <= LONG_POLL_MAX_MS < OUTBOUND_DEADLINE_MS, "a request outlives its wait"
assert CLIENT_PAGE_SLOTS <= SCHEDULE_PAGE_MAX <= CATCH_UP_SLOTS_MAX
assert OUTBOUND_DEADLINE_MS < CATCH_UP_FETCH_DEADLINE_MS, "a fetch takes some requests"
assert 2 * CATCH_UPS_HINTED_MAX <= CATCH_UPS_MAX, "half is left to what the operator follows"
assert CATCH_UP_DEADLINE_MS < OUTBOUND_DEADLINE_MS, "who asks this node hears before it hears"
assert 6 * BODY_MAX_BYTES < CLIENT_REPLY_MAX_BYTES, "one byte of a message is \\u00xx at worst"
assert WORKER_NAME_MAX_BYTES < LMDB_KEY_MAX_BYTES
assert 4 * WORKERS_MAX * BEAT_MAX_BYTES < BEATS_MAP_BYTES, "old pages and new ones, twice"
assert BEATS_WRITE_MS < WORKER_BEAT_MS < BEATS_KEPT_MS
assert WORKER_BEAT_MS + BEATS_WRITE_MS < WORKER_SLOW_MS < WORKER_STALE_MS < BEATS_KEPT_MS
assert MONITOR_PERIOD_MIN_MS <= MONITOR_PERIOD_MS <= MONITOR_PERIOD_MAX_MS
assert MONITOR_PERIOD_MS < STREAM_COMMENT_MS
assert MONITOR_STREAMS_MAX + LONG_POLLS_MAX < CONNECTIONS_MAX
assert QUEUES_MAX <= PAGE_MAX, "one page has the names of all queues"
assert max(MONITOR_TYPES_MAX, MONITOR_TRIGGERS_MAX) < PAGE_MAX
assert PATH_SEGMENT_MAX_BYTES <= PATH_MAX_BYTES < LMDB_KEY_MAX_BYTES, "a tree key counts its steps"
