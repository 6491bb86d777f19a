"""Pure rules: ids, messages, commitments, assignments, hash chains, codecs, errors, limits.

May live here: functions from bytes to values and back. Must not: I/O, clocks, randomness
(except where a signature scheme needs a salt), threads, and imports of ``store``, ``actors``
or ``gateway``.
"""
