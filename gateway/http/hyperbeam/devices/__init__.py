"""The devices that every node has: a file for each. May live here: what answers keys of a path."""
