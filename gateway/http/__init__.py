"""HTTP: one room per protocol, one dispatcher over them, on aiohttp's low-level server."""
