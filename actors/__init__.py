"""Who does things: the actor runtime, the scheduler's actors, and the node that composes them.

The only folder that imports ``pykka``. Imports ``store`` and ``formats``; imported by ``gateway``.
"""
