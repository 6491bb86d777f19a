"""How actors run: clock, mailboxes, dispatchers, futures, and work handed to threads and children.

Nothing here knows what an actor is for. This file imports nothing, so that a child
(`seriatim.actors.runtime.child`) starts without loading pykka or asyncio.
"""
