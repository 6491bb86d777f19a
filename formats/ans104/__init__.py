"""ANS-104: tags, the deep hash, data items and bundles.

May live here: the layout of bytes and what is signed. Must not: the mathematics of signatures
(``formats/signing``), and what ao reads into an item's tags (``formats/wire``).
"""
