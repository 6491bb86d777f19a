"""Signature schemes and wallets: the only room that imports a cryptography library.

May live here: checking and making signatures over bytes that somebody else has laid out. Must
not: knowledge of items, messages or files.
"""
