"""Folds: how the assignments of a process become its state. Pure: no clock, no I/O."""
