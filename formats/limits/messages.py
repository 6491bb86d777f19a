"""Messages: as data items, as HTTP messages, and what of them goes into assignments."""

from __future__ import annotations

from typing import Final

# ANS-104 data items (ANS-104 §2 and the maintained arbundles).
TAGS_MAX: Final = 128
TAG_NAME_MAX_BYTES: Final = 1024
TAG_VALUE_MAX_BYTES: Final = 3072
TAG_BLOCK_MAX_BYTES: Final = 4096
RSA_KEY_MIN_BITS: Final = 2048
RSA_KEY_MAX_BITS: Final = 4096
RSA_KEYS_CACHED_MAX: Final = 256
BLOB_LENGTHS_CACHED_MAX: Final = 8_192
BUNDLE_ITEMS_MAX: Final = 10_000
BUNDLE_DEPTH_MAX: Final = 8

# What of a message goes into the tags of its assignment: together they fit into a tag block.
ASSIGNMENT_PATH_MAX_BYTES: Final = 1_024
EXCLUDES_MAX: Final = 64
EXCLUDES_MAX_BYTES: Final = 2_048
ASSIGNMENT_OWN_TAGS_MAX_BYTES: Final = 900

# Structured fields (RFC 8941).
SF_INTEGER_MAX: Final = 999_999_999_999_999
SF_MEMBERS_MAX: Final = 8_192

# Messages as data items, as HyperBEAM of May 2025 writes them: a longer value is an item inside.
TABM_TAG_VALUE_MAX_BYTES: Final = 128

# HTTP messages as HyperBEAM signs them: a longer value is a part of the body.
HTTPSIG_HEADER_MAX_BYTES: Final = 4_096
MULTIPART_PARTS_MAX: Final = 2_048
MULTIPART_LINES_MAX: Final = 8_192
