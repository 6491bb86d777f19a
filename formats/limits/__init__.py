"""Every bound of the product, named once, with the relations between them asserted at import.

Sizes are in bytes (``_bytes``), times in milliseconds (``_ms``); every bound is inclusive. Which of
the files a bound stands in is no matter of whoever uses it.
"""

from __future__ import annotations

from seriatim.formats.limits.copies import *
from seriatim.formats.limits.http import *
from seriatim.formats.limits.jobs import *
from seriatim.formats.limits.messages import *
from seriatim.formats.limits.node import *
from seriatim.formats.limits.triggers import *

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
assert max(MONITOR_TYPES_MAX, MONITOR_LEASED_MAX, MONITOR_TRIGGERS_MAX) < PAGE_MAX
assert PATH_SEGMENT_MAX_BYTES <= PATH_MAX_BYTES < LMDB_KEY_MAX_BYTES, "a tree key counts its steps"
