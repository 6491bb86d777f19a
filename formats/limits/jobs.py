"""Jobs, their queues and workers, and the monitor."""

from __future__ import annotations

from typing import Final

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
JOB_CODE_MAX_CHARS: Final = 64
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
# Between two tries of a queue that cannot make its slot, where nobody asks.
QUEUE_PAUSE_MAX_MS: Final = 60_000
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
# How long one look for the end of a job waits; and of how many jobs one request asks that.
JOB_WAIT_MS: Final = 20_000
ENDINGS_JOBS_MAX: Final = 256
# Of one queue; where more are under way, what is asked for in small ones is asked for together.
ENDINGS_REQUESTS_FEW: Final = 8
# A node that is later than that with what it was to do has stood still, and has heard no worker
# meanwhile. Leases that are shorter may be lost by that: they are for tests.
NODE_LATE_MS: Final = 250

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
MONITOR_LATE_PERIODS: Final = 3
MONITOR_TYPES_MAX: Final = 1_000
MONITOR_LEASED_MAX: Final = 1_000
MONITOR_TRIGGERS_MAX: Final = 1_000
MONITOR_STREAMS_MAX: Final = 32
METRICS_TYPES_MAX: Final = 100
DISK_FREE_MIN_BYTES: Final = 64 * 1024 * 1024
STREAM_COMMENT_MS: Final = 15_000
WORKER_SLOW_MS: Final = 10_000
WORKER_STALE_MS: Final = 30_000
