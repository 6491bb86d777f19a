"""Functions of somebody's program as jobs: declared, submitted, run, and waited for."""
