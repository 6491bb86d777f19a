"""The node's own JSON API, ``/api/v1``: for its operator. A file for each thing in it."""
