"""seriatim: a durable, verifiable message scheduler. One after another."""
