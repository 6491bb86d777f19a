"""Timelines as people look at them: text, and a picture."""
