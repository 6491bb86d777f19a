"""Computing: what processes make of their slots, behind the log."""
