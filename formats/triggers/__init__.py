"""Triggers: what they are, which of their times are due, and what a trigger table says of them."""
