"""When a trigger is due: cron expressions, intervals and single times, as pure arithmetic.

An instant is an ``int``, Unix milliseconds in UTC. Local time is Unix time as a local clock shows
it (``wall_s``: seconds, the offset added) or a ``datetime`` without a zone. Nothing here reads a
clock: whoever asks says what time it is.
"""
