"""Running what jobs are: commands and functions, in OS processes of their own, within limits."""
