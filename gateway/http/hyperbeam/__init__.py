"""HyperBEAM's protocol: paths that are resolved step by step, devices, and replies in any format.

``path.py`` reads a request's target, ``resolve.py`` walks it, ``devices/`` answer its keys, and
``replies/`` send the answers. May live here: what knows that protocol over HTTP. A new device or
reply format is a file in its room, or an entry point of another package (``registry.py``).
"""
