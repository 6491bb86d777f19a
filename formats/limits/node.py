"""Inside a node: what waits and for how long, what is computed, and the store."""

from __future__ import annotations

from typing import Final

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
# What comes sooner after the first signal is the same one.
STOP_AGAIN_MS: Final = 500
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

# Store.
LMDB_KEY_MAX_BYTES: Final = 511
MAP_BYTES: Final = 1 << 40
READERS_MAX: Final = 1_024
# Write transactions between two looks for readers that have died: the file grows meanwhile.
READERS_CHECK_TRANSACTIONS: Final = 1_000
MEMORY_CACHE_BYTES: Final = 64 * 1024 * 1024
LINK_DEPTH_MAX: Final = 16
PATH_SEGMENT_MAX_BYTES: Final = 128
PATH_MAX_BYTES: Final = 480
