"""What watches decide: what a spec means, and what is an event. Pure: no clock, no I/O."""
