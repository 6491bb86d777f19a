"""``httpsig@1.0``: a TABM as HTTP headers and a body, signed by RFC 9421 as HyperBEAM does.

May live here: what goes where (`placement`, `multipart`), what is signed (`base`), who commits
to it (`commitments`), what came (`received`), and what of it is kept (`canonical`). Written is the
form of May 2025 (V1).
"""
