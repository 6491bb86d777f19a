"""HyperBEAM's type-annotated binary messages (TABM), and their small codecs.

A TABM is a nested map with binary values only; what is not binary is named in ``ao-types``. Every
encoding of HyperBEAM is one of TABMs. May live here: the model, the codecs without signatures, and
data items as TABMs; HTTP messages have a room of their own.
"""
