"""The trigger table of a node: what is due fires, each once, and nothing is dropped silently."""
