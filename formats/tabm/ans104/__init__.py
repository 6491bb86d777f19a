"""HyperBEAM's ``ans104@1.0``: data items as TABMs, and TABMs as data items.

Tags are the short values of a message, an item inside the item's data is each of the others.
Source: HyperBEAM, May 2025; ``docs/protocol/hyperbeam.md`` says which forms are read and written.
"""
