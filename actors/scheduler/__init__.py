"""Giving each message its slot: registry, server, the pure machine, the committer."""
