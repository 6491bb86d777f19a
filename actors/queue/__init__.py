"""Queues: what is submitted, who gets it, and that each step is on disk before it counts."""
