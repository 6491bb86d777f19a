"""The monitor: looks at queues and workers, says what it sees, and writes nothing."""
