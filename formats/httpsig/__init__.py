"""``httpsig@1.0``: a TABM as HTTP headers and a body, signed by RFC 9421 as HyperBEAM does.

May live here: what goes where (`placement`, `multipart`), what is signed (`base`), and who commits
to it (`commitments`). Written is the form of May 2025 (V1).
"""
