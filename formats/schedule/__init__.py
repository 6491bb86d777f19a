"""A process's schedule: variants, hash chains, assignments, stored records, and their audit."""
