"""For those who test nodes: what is public here is in the modules of this package."""
