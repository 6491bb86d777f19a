"""What is on disk: the log, its indexes, the tree over it, and the caches above it.

The only folder that imports ``lmdb``. Imports ``formats``; imported by ``actors``.
"""
