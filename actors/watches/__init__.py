"""Watches: triggers that are due by what happens, and not by the time."""
