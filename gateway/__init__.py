"""Every way in: HTTP routes per protocol, the command line, the client, the benchmark.

The only folder that imports ``aiohttp``, ``typer`` and ``rich``. Imports ``actors`` and
``formats``; never ``store`` (only ``bench`` does, for the bare LMDB that it measures against).
"""
